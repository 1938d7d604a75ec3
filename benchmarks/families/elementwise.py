"""Element-wise and row-wise work, forward and backward: tanh-affine, softmax cross entropy, GELU, layer norm.

Each has a loss or is given a cotangent; what is computed is the value and the gradient by every input. 10⁵ to 10⁷
elements are rows of 1000, from 100 of them on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.families import forms
from benchmarks.measure import Effort, timed
from benchmarks.record import COMPILED, EAGER, JAX, JIT, NUMPY, PEERS, TORCH, Bar, Contender, Outcome, Row, Work

COLUMNS = 1000
ROWS = (100, 1_000, 10_000)


@dataclass(frozen=True)
class Case:
    """One operation at one size."""

    form: forms.Form
    rows: int

    @cached_property
    def inputs(self) -> dict[str, np.ndarray]:
        """Random inputs by name, float32 but for labels."""
        return self.form.inputs(np.random.default_rng(0), self.rows, COLUMNS)

    def expected(self) -> Outcome:
        """The value and the gradients in float64, by hand."""
        wide = {name: a.astype(np.float64) if a.dtype == np.float32 else a for name, a in self.inputs.items()}
        return self.named(self.form.numpy(**wide))

    def named(self, found: Sequence[Any]) -> Outcome:
        """Results in the order of `Form.results`, by name."""
        return {name: np.array(value) for name, value in zip(self.form.results, found, strict=True)}

    @property
    def work(self) -> Work:
        """Large arrays in and out, each once."""
        return Work(bytes=4.0 * self.rows * COLUMNS * self.form.arrays)


def rows(effort: Effort) -> list[Row]:
    """A row for each operation and size."""
    found = []
    for form in forms.FORMS:
        for count in ROWS:
            case = Case(form, count)
            size = f"10{str(len(str(count * COLUMNS)) - 1).translate(str.maketrans('567', '⁵⁶⁷'))}"
            found.append(
                Row(
                    f"elementwise-{form.name}-1e{len(str(count * COLUMNS)) - 1}",
                    f"{form.title} forward and backward, {size} elements",
                    contenders(case, effort),
                    (Bar(JIT, form.bar, PEERS),),
                    case.work,
                    case.expected,
                    tolerance=1e-3,
                )
            )
    return found


def contenders(case: Case, effort: Effort) -> Mapping[str, Callable[[], Contender]]:
    """Everybody who computes it."""
    makers = {JIT: jitted, EAGER: eager, TORCH: torch, COMPILED: compiled, JAX: jax, NUMPY: numpy}
    return {name: partial(make, case, effort) for name, make in makers.items()}


def numpy(case: Case, effort: Effort) -> Contender:
    """By hand."""
    inputs = case.inputs
    return Contender(timed(lambda: case.form.numpy(**inputs), effort), case.named(case.form.numpy(**inputs)))


def torch(case: Case, effort: Effort) -> Contender:
    """PyTorch eager."""
    return _torch(case, effort, case.form.torch)


def compiled(case: Case, effort: Effort) -> Contender:
    """Forward and backward as torch.compile makes them."""
    return _torch(case, effort, peers.compiler().compile(case.form.torch, dynamic=False))


def _torch(case: Case, effort: Effort, function: Callable[..., Any]) -> Contender:
    library = peers.torch()
    given = {name: library.from_numpy(array) for name, array in case.inputs.items()}
    wanted = [given[name].requires_grad_() for name in case.form.wanted]
    cotangent = given.pop("cotangent", None)

    def work() -> list[Any]:
        value = function(library, **given)
        return [value, *library.autograd.grad(value, wanted, cotangent)]

    return Contender(timed(work, effort), case.named([found.detach().numpy() for found in work()]))


def jax(case: Case, effort: Effort) -> Contender:
    """Forward and backward in one function under jax.jit."""
    library = peers.jax()
    given = {name: library.numpy.asarray(array) for name, array in case.inputs.items()}
    cotangent = given.pop("cotangent", library.numpy.float32(1))
    constants = {name: array for name, array in given.items() if name not in case.form.wanted}

    def whole(wanted: Any, constants: Any, cotangent: Any) -> Any:
        value, pullback = library.vjp(lambda *chosen: case.form.jax(library, *chosen, **constants), *wanted)
        return value, *pullback(cotangent)

    wanted = tuple(given[name] for name in case.form.wanted)
    compiled_whole = library.jit(whole)

    def work() -> Any:
        return library.block_until_ready(compiled_whole(wanted, constants, cotangent))

    return Contender(timed(work, effort), case.named(work()))


def covector_work(case: Case) -> tuple[Callable[..., tuple[cv.Tensor, ...]], list[cv.Tensor]]:
    """The work as a user writes it, and its inputs."""
    names = list(case.inputs)

    def work(*arrays: cv.Tensor) -> tuple[cv.Tensor, ...]:
        given = dict(zip(names, arrays, strict=True))
        wanted = [given[name].detach().requires_grad_() for name in case.form.wanted]
        given.update(zip(case.form.wanted, wanted, strict=True))
        cotangent = given.pop("cotangent", None)
        value = case.form.covector(**given)
        value.backward(cotangent)
        return value, *(tensor.grad for tensor in wanted)

    return work, [cv.tensor(array) for array in case.inputs.values()]


def eager(case: Case, effort: Effort) -> Contender:
    """Define-by-run; the gradients are looked at, which computes everything as one program."""
    work, inputs = covector_work(case)

    def whole() -> list[np.ndarray]:
        return [tensor.detach().numpy() for tensor in work(*inputs)]

    return Contender(timed(whole, effort), case.named(whole()))


def jitted(case: Case, effort: Effort) -> Contender:
    """The same under ``cv.jit``."""
    work, inputs = covector_work(case)
    whole = cv.jit(work)
    found = case.named([tensor.detach().numpy() for tensor in whole(*inputs)])
    return Contender(timed(lambda: whole(*inputs), effort), found)

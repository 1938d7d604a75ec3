"""A random tensor program run in every way that there is, compared with PyTorch: values, gradients, gradients of those.

The truth is PyTorch in float64. How far from it a result may be follows from how much the truth moves when the inputs
are moved a little, and in float32 also from how far PyTorch is from it.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import numpy as np
import torch

import covector as cv
from covector.errors import CovectorError, ShapeError
from covector.native.pool import POOL
from covector.tensors import flush, programs
from tests.support.tensor_generator import BATCH, Case
from tests.support.tensor_operations import LOOKING

Results = list[Any]

BATCHES = (1, 2, 5, 17, 70, 0, 4, 33)
LARGEST_BATCH_ELEMENTS = 200_000
ROUNDING = {"float64": 1e-11, "float32": 2e-4}
MOVED = {"float64": 1e-9, "float32": 3e-6}


class Disagreement(Exception):
    """A result is not what PyTorch has."""


@dataclass
class Tally:
    """What was compared, and how far results were from the truth, relative to its size."""

    programs: int = 0
    comparisons: int = 0
    numbers: int = 0
    worst: dict[str, float] = field(default_factory=lambda: {"float64": 0.0, "float32": 0.0})
    ways: Counter[str] = field(default_factory=Counter)


def results(library: Any, case: Case, tensors: Sequence[Any], salt: int, order: int) -> Results:
    """The outputs; with an order of 1 then the gradients of their sum with weights, with 2 also those of these."""
    outputs = case.run(library, tensors)
    if not order:
        return outputs
    wanted = [tensor for tensor in tensors if tensor.requires_grad]
    found = _gradients(library, outputs, wanted, salt, create_graph=order > 1)
    again = _gradients(library, found, wanted, salt + 1, create_graph=False) if order > 1 else []
    return [*outputs, *found, *again]


def _gradients(library: Any, outputs: Sequence[Any], wanted: Sequence[Any], salt: int, create_graph: bool) -> Results:
    grad = torch.autograd.grad if library is torch else cv.autograd.grad
    parts = [
        (output * _weights(library, output, salt + number)).sum()
        for number, output in enumerate(outputs)
        if output.requires_grad
    ]
    found: Sequence[Any] = [None] * len(wanted)
    if parts and wanted:
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        found = grad(total, wanted, create_graph=create_graph, allow_unused=True)
    return [
        library.zeros_like(tensor) if gradient is None else gradient
        for tensor, gradient in zip(wanted, found, strict=True)
    ]


def _weights(library: Any, output: Any, salt: int) -> Any:
    shape = tuple(output.shape)
    array = np.asarray(np.random.default_rng([salt, *shape]).uniform(-1, 1, shape), np.float32)
    return library.tensor(array).to(output.dtype)


def by_pytorch(case: Case, arrays: Sequence[Any], salt: int, order: int) -> list[Any]:
    """Arrays of the results by PyTorch."""
    given = [torch.tensor(np.array(array, order="C")) for array in arrays]
    tensors = [t.requires_grad_() if t.is_floating_point() else t for t in given]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [value.detach().numpy(force=True) for value in results(torch, case, tensors, salt, order)]


def given_tensors(arrays: Sequence[Any]) -> list[Any]:
    """Tensors of covector: one of two is not copied."""
    made = [cv.asarray(array) if number % 2 else cv.tensor(array) for number, array in enumerate(arrays)]
    return [t.requires_grad_() if t.dtype in ("float32", "float64") else t for t in made]


def by_covector(case: Case, arrays: Sequence[Any], salt: int, order: int) -> list[Any]:
    """Arrays of the results by covector, define-by-run."""
    return [value.numpy() for value in results(cv, case, given_tensors(arrays), salt, order)]


def by_jit(case: Case) -> Callable[..., list[Any]]:
    """The same as one traced function, which may be called with other arrays."""
    traced = cv.jit(lambda tensors, salt, order: results(cv, case, tensors, salt, order))
    return lambda _, arrays, salt, order: [value.numpy() for value in traced(given_tensors(arrays), salt, order)]


@contextmanager
def interpreted() -> Iterator[None]:
    """Programs run in the reference interpreter meanwhile."""
    refused = CovectorError("machine code is not wanted")
    with mock.patch("covector.native.engine.plan", side_effect=refused):
        forget()
        yield
    forget()


def forget() -> None:
    """Forget the programs that are compiled."""
    programs._structures.clear()
    flush._known.clear()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Programs run on so many threads meanwhile."""
    before = POOL.threads
    POOL.set_threads(count)
    yield
    POOL.set_threads(before)


class Truth:
    """What PyTorch says of a program at given sizes, and how sure that is."""

    def __init__(self, case: Case, batch: int, dtype: str, salt: int, order: int, sure: bool = True) -> None:
        self.case, self.dtype, self.order, self.salt = case, dtype, order, salt
        exact = case.arrays(batch, salt=salt)
        self.arrays = exact if dtype == "float64" else case.arrays(batch, dtype, salt)
        self.wanted = by_pytorch(case, exact, salt, order)
        self.kinds = [value.dtype for value in by_pytorch(case, self.arrays, salt, order)]
        self.unsure = [np.zeros(value.shape) for value in self.wanted]
        rivals = [by_pytorch(case, self.arrays, salt, order)] if dtype == "float32" else []
        rng = np.random.default_rng(salt)
        if sure:
            rivals += [by_pytorch(case, [_moved(a, MOVED[dtype], rng) for a in exact], salt, order) for _ in range(2)]
        with np.errstate(all="ignore"):
            for rival in rivals:
                for number, (value, other) in enumerate(zip(self.wanted, rival, strict=True)):
                    self.unsure[number] = np.maximum(self.unsure[number], _distance(value, other))

    def compare(self, found: Sequence[Any], way: str, tally: Tally) -> None:
        """Raise `Disagreement` where a result is not what it should be."""
        for number, (value, wanted, kind, unsure) in enumerate(
            zip(found, self.wanted, self.kinds, self.unsure, strict=True)
        ):
            if value.shape != wanted.shape or value.dtype != kind:
                raise Disagreement(f"{way}, result {number}: {value.shape} {value.dtype}, not {wanted.shape} {kind}")
            with np.errstate(all="ignore"):
                distance = _distance(wanted, value)
                size = np.abs(wanted[np.isfinite(wanted)]).max(initial=1.0) if wanted.dtype.kind == "f" else 1.0
                near = unsure.max(initial=0.0) if np.isfinite(unsure).all() else np.inf
                wrong = ~(distance <= ROUNDING[self.dtype] * size + (30 if self.dtype == "float32" else 1) * near)
            if wrong.any():
                at = tuple(np.argwhere(wrong)[0])
                raise Disagreement(
                    f"{way}, result {number} of shape {value.shape} at {at}: {value[at]!r}, not {wanted[at]!r}"
                    f" ({int(wrong.sum())} of {wrong.size} differ)"
                )
            tally.comparisons += 1
            tally.numbers += value.size
            if value.size and near < 1e-3:
                tally.worst[self.dtype] = max(tally.worst[self.dtype], float(np.nanmax(distance, initial=0)) / size)
        tally.ways[way] += 1


def _distance(wanted: Any, found: Any) -> Any:
    """How far a result is from what is wanted: 0 where both are NaN or the same infinity."""
    if wanted.shape != found.shape:
        return np.full(wanted.shape, np.inf)
    a, b = wanted.astype(np.float64), found.astype(np.float64)
    distance = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
    return np.where(np.isnan(distance), np.inf, distance)


def _moved(array: Any, by: float, rng: np.random.Generator) -> Any:
    return array * (1 + by * rng.uniform(-1, 1, array.shape)) if array.dtype.kind == "f" else array


def check_case(case: Case, tally: Tally) -> None:
    """Raise `Disagreement` where one of the ways to run a program gives something else than PyTorch."""
    seed, order = case.seed, 2 if case.seed % 4 == 0 else 1
    with threads(1 + seed % 2):
        truth = Truth(case, BATCH, "float64", 0, order)
        run(truth, by_covector, "define-by-run float64", tally)
        if seed % 3 == 0:
            with interpreted():
                run(truth, by_covector, "interpreted", tally)
        if seed % 2 == 0:
            run(Truth(case, BATCH, "float32", 0, 1), by_covector, "define-by-run float32", tally)
        if seed % 2 == 1 and not case.features & LOOKING:
            traced = by_jit(case)
            run(truth, traced, "jit", tally)
            run(Truth(case, BATCH, "float64", 1, order), traced, "jit again", tally)
            if seed % 4 == 1:
                at_another_size(case, traced, "jit, another size", tally)
        if seed % 3 == 1:
            at_another_size(case, by_covector, "define-by-run, another size", tally)
    tally.programs += 1


def check_special(case: Case, tally: Tally) -> None:
    """The same for values of a program whose inputs hold NaN and infinities."""
    dtype = "float32" if case.seed % 3 == 0 else "float64"
    truth = Truth(case, BATCH, dtype, 0, 0)
    run(truth, by_covector, f"NaN and infinity {dtype}", tally)
    if case.seed % 2 and not case.features & LOOKING:
        run(truth, by_jit(case), f"NaN and infinity {dtype}, jit", tally)
    tally.programs += 1


def at_another_size(case: Case, way: Callable[..., list[Any]], name: str, tally: Tally) -> None:
    """Run a program for another batch; where PyTorch refuses it, so must covector."""
    batch = BATCHES[case.seed // 12 % len(BATCHES)]
    try:
        truth = Truth(case, batch, "float64", 2, 1)
    except (RuntimeError, IndexError, ValueError):
        tally.ways["refused by PyTorch"] += 1
        try:
            way(case, case.arrays(batch, salt=2), 2, 1)
        except Exception:
            return
        tally.ways["refused by PyTorch alone"] += 1
        return
    if sum(value.size for value in truth.wanted) < LARGEST_BATCH_ELEMENTS:
        run(truth, way, f"{name}", tally)


def run(truth: Truth, way: Callable[..., list[Any]], name: str, tally: Tally) -> None:
    """Compare what a way gives with the truth; an error is a disagreement, too."""
    try:
        found = way(truth.case, truth.arrays, truth.salt, truth.order)
    except ShapeError as error:
        if "over an empty extent has no value" not in error.message:
            raise Disagreement(f"{name}: {error}") from error
        tally.ways["refused: a maximum of nothing"] += 1  # PyTorch gives minus infinity, or nothing, where it can
        return
    except Exception as error:
        raise Disagreement(f"{name}: {type(error).__name__}: {error}") from error
    truth.compare(found, name, tally)

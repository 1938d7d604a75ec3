"""Random define-by-run programs on tensors: the same seed gives the same program.

A program is a list of steps over numbered values, each an operation of a table that is spelt for covector and PyTorch
alike. While it is made, PyTorch runs it in float64, so that every step fits its operands and stays in a decent range.
One extent is the batch, which may have another size later.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch

from tests.support.tensor_draws import Unfit
from tests.support.tensor_operations import OPERATIONS

T = TypeVar("T")

BATCH = 3
"""The batch while a program is made; no other extent that is drawn is this one."""

EXTENTS = (1, 2, 2, 4, 5)
MOST_ELEMENTS = 300
LARGEST = 30.0


@dataclass(frozen=True)
class Given:
    """An input: its shape, in which -1 is the batch, its dtype, the layout of its array and where its integers end."""

    shape: tuple[int, ...]
    dtype: str = "float64"
    layout: str = "C"
    limit: int = 2
    special: bool = False


@dataclass(frozen=True)
class Step:
    """An operation on values with these numbers: inputs first, then the results of the steps before."""

    operation: str
    arguments: tuple[int, ...]
    parameters: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Case:
    """A program: its outputs are numbers of values; the number n of a step's result is ``len(inputs) + step``."""

    seed: int
    inputs: tuple[Given, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]

    @property
    def features(self) -> frozenset[str]:
        """The operations that it uses."""
        return frozenset(step.operation for step in self.steps)

    def run(self, library: Any, values: Sequence[Any]) -> list[Any]:
        """The outputs by covector or PyTorch for tensors that are its inputs."""
        known = list(values)
        for step in self.steps:
            known.append(apply(library, step, known))
        return [known[number] for number in self.outputs]

    def arrays(self, batch: int = BATCH, dtype: str = "float64", salt: int = 0) -> list[Any]:
        """Arrays for its inputs, whose floats float32 holds exactly."""
        return [
            _array(given, batch, dtype, np.random.default_rng([self.seed, number, salt]))
            for number, given in enumerate(self.inputs)
        ]

    def __str__(self) -> str:
        lines = [f"v{number} = {given}" for number, given in enumerate(self.inputs)]
        for number, step in enumerate(self.steps, len(self.inputs)):
            operands = ", ".join([*(f"v{place}" for place in step.arguments), *map(repr, step.parameters)])
            lines.append(f"v{number} = {step.operation}({operands})")
        return "\n".join([*lines, f"outputs {self.outputs} of seed {self.seed}"])


def apply(library: Any, step: Step, known: Sequence[Any]) -> Any:
    """The result of a step."""
    operation = OPERATIONS[step.operation]
    function = operation.theirs if library is torch and operation.theirs else operation.both
    return function(library, *(known[number] for number in step.arguments), *step.parameters)


def _array(given: Given, batch: int, dtype: str, rng: np.random.Generator) -> Any:
    shape = tuple(batch if extent == -1 else extent for extent in given.shape)
    if given.dtype == "bool":
        return rng.random(shape) < 0.5
    if given.dtype == "int64":
        return np.asarray(rng.integers(-given.limit if given.special else 0, given.limit, shape))
    values = np.asarray(rng.uniform(-2, 2, shape), np.float32).astype(dtype)
    if given.special and values.size:
        chosen = rng.random(shape) < 0.2
        values = np.where(chosen, rng.choice(np.array([np.nan, np.inf, -np.inf, 0.0]), shape), values).astype(dtype)
    if given.layout == "F":
        return np.array(values, order="F")
    if given.layout == "strided" and values.ndim:
        return np.repeat(values, 2, axis=-1)[..., ::2]
    if given.layout == "reversed" and values.ndim:
        return np.ascontiguousarray(values[::-1])[::-1]
    return values


@dataclass
class Generator:
    """A program while it is made; with ``special`` its floats may be NaN and infinite."""

    seed: int
    special: bool = False
    inputs: list[Given] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    values: dict[tuple[str, int], torch.Tensor] = field(default_factory=dict)
    fresh: list[Given] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.empty = self.rng.random() < 0.05

    def case(self) -> Case:
        """The program."""
        wanted = self.rng.choice([2, 4, 6, 9, 12])
        self.add(self.drawn_input())
        names, weights = list(OPERATIONS), [operation.weight for operation in OPERATIONS.values()]
        for _ in range(8 * wanted):
            if len(self.steps) < wanted:
                self.attempt(self.rng.choices(names, weights)[0])
        return self.finished()

    def attempt(self, name: str) -> None:
        """Add a step of an operation, if one that fits is found."""
        self.fresh = []
        try:
            arguments, *parameters = OPERATIONS[name].draw(self)
            known = dict(self.values)
            for place, number in enumerate(arguments):
                known["argument", place] = self.value(number)
            step = Step(name, tuple(range(len(arguments))), tuple(parameters))
            result = apply(torch, step, [known["argument", place] for place in range(len(arguments))])
        except (Unfit, RuntimeError, IndexError, ValueError, TypeError):
            return
        if not self.special and result.is_floating_point() and not (result.abs() <= LARGEST).all():
            return
        if result.numel() > MOST_ELEMENTS or result.dtype not in _DTYPES:
            return
        renamed = {("new", place): self.add(given) for place, given in enumerate(self.fresh)}
        self.steps.append(Step(name, tuple(renamed.get(number, number) for number in arguments), tuple(parameters)))
        self.values["step", len(self.steps) - 1] = result

    def add(self, given: Given) -> tuple[str, int]:
        number = ("input", len(self.inputs))
        self.inputs.append(given)
        array = _array(given, BATCH, "float64", np.random.default_rng([self.seed, number[1], 0]))
        self.values[number] = torch.tensor(np.array(array, order="C"))
        return number

    def value(self, number: tuple[str, int]) -> torch.Tensor:
        """The value of an input, of a step, or of an input that the step at hand would add."""
        if number[0] != "new":
            return self.values[number]
        rng = np.random.default_rng([self.seed, len(self.inputs) + number[1], 0])
        return torch.tensor(np.array(_array(self.fresh[number[1]], BATCH, "float64", rng), order="C"))

    def finished(self) -> Case:
        place = {
            number: at if number[0] == "input" else at + len(self.inputs)
            for number in self.values
            for at in [number[1]]
        }
        steps = [Step(s.operation, tuple(place[a] for a in s.arguments), s.parameters) for s in self.steps]
        numbers = [number for number in self.values if number[0] == "step"] or [("input", 0)]
        used = {argument for step in self.steps for argument in step.arguments}
        outputs = [number for number in numbers if number not in used or self.rng.random() < 0.1]
        return Case(self.seed, tuple(self.inputs), tuple(steps), tuple(place[number] for number in outputs[-4:]))

    # What operations draw

    def pick(self, options: Sequence[T]) -> T:
        """One of some options; there must be some."""
        if not options:
            raise Unfit
        return self.rng.choice(options)

    def drawn_input(self, low: int = 0, high: int = 4) -> Given:
        sizes = (*EXTENTS, -1, -1, -1, *((0,) if self.empty else ()))
        shape = tuple(
            self.pick(sizes) for _ in range(self.rng.randint(low, min(high, self.pick([1, 2, 2, 3, 4])) or low))
        )
        return self.given(shape)

    def given(self, shape: Sequence[int]) -> Given:
        """A new float input of a shape, in which the batch is -1 or its size."""
        layout = self.pick(["C", "C", "C", "F", "strided", "reversed"])
        return Given(tuple(-1 if e == BATCH else e for e in shape), layout=layout, special=self.special)

    def new(self, given: Given) -> tuple[str, int]:
        """A new input, added if the step fits."""
        self.fresh.append(given)
        return ("new", len(self.fresh) - 1)

    def find(self, dtypes: str = "f", low: int = 0, high: int = 5) -> tuple[str, int]:
        """A value of one of some kinds of dtype (f, i, b), the later ones rather, or a new input."""
        found = [n for n, v in self.values.items() if _DTYPES[v.dtype] in dtypes and low <= v.ndim <= high]
        if not found or self.rng.random() < 0.1:
            given = self.drawn_input(low, high)
            return self.new(given if "f" in dtypes else replace(given, dtype=_NAMES[dtypes], limit=4))
        return self.pick(found[-4:] if self.rng.random() < 0.7 else found)

    def shape(self, number: tuple[str, int]) -> tuple[int, ...]:
        return tuple(self.value(number).shape)

    def axis(self, number: tuple[str, int]) -> int:
        """An axis, counted from the start or from the end."""
        rank = len(self.shape(number))
        if not rank:
            raise Unfit
        return self.rng.randrange(-rank, rank)

    def partner(self, number: tuple[str, int], dtypes: str = "f") -> tuple[str, int]:
        """A value that broadcasts with another."""
        shape = self.shape(number)
        found = [n for n, v in self.values.items() if _DTYPES[v.dtype] in dtypes and _broadcasts(tuple(v.shape), shape)]
        if found and self.rng.random() < 0.6:
            return self.pick(found)
        if "f" not in dtypes:
            raise Unfit
        drop = self.pick([0, 0, 1, 2])
        return self.new(self.given([1 if self.rng.random() < 0.3 else e for e in shape[drop:]]))

    def integers(self, shape: Sequence[int], limit: int) -> Given:
        """An input of positions in an axis, counted from its end too where ``special`` is meant."""
        return Given(tuple(-1 if e == BATCH else e for e in shape), "int64", limit=limit)


_NAMES = {"i": "int64", "b": "bool", "ib": "int64"}
_DTYPES = {torch.float64: "f", torch.int64: "i", torch.bool: "b"}


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return all(p == q or 1 in (p, q) for p, q in zip(reversed(a), reversed(b), strict=False))


def generate(seed: int, special: bool = False) -> Case:
    """The program of a seed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of a variance of one number, whose value is NaN.
        return Generator(seed, special).case()

"""Derived against known: the value and the derivatives of the table's operations, beside those of PyTorch or JAX.

A `Subject` is something of the table in one setting: a program in symbolic extents and the arrays to run it on.
Programs with the same declarations and parameters are derived once and evaluated at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from covector.calculus.build import add, mul, total
from covector.calculus.reverse import gradients
from covector.ir import Affine, Apply, Compute, Index, Input, Program, Read, Symbol, Tensor, as_affine, is_float
from covector.ir.tensor import program_of
from covector.notation.element import Scope, declare, instantiate
from covector.notation.parse import parse_program
from covector.notation.syntax import Declaration
from covector.ops import OPERATIONS, SCALARS
from covector.run.reference import evaluate
from tests.ops import oracles
from tests.ops.cases import CASES
from tests.ops.oracles import ORACLES, SCALAR_ORACLES, Oracle
from tests.ops.sampling import Setting, sample, shapes
from tests.ops.scalar_cases import POINTS

Arrays = Mapping[str, np.ndarray]

TOLERANCE = 1e-10
"""The largest relative error of a value or a derivative."""

SMALL = 1e-3
"""Arrays whose elements are all smaller are compared as if this were their size: they are what cancellation leaves."""

SCALAR_SHAPES: tuple[tuple[int, ...], ...] = ((), (6,), (2, 3), (3, 1, 2))
"""The shapes at which scalar functions are compared; each holds the first points, again and again."""


@dataclass(frozen=True)
class Derived:
    """A program and its gradients.

    ``first`` is the program that computes the gradients, ``firsts`` the name of its statement for each input, None
    where the gradient is zero.
    """

    program: Program
    seed: Input | None
    first: Program
    firsts: Mapping[str, str | None]

    @cached_property
    def twice(self) -> tuple[Program, Mapping[str, str | None]]:
        """The program of the gradients of ``Σ direction·gradient``, and the statements for each input."""
        projected = _projected(self.first, self.firsts, self.program.inputs)
        return _gradient_program(projected, "H")[1:] if projected else (self.first, dict.fromkeys(self.firsts))


@dataclass(frozen=True)
class Subject:
    """Something of the table in one setting; ``program(sized)`` has numbers for extents, or symbols."""

    name: str
    oracle: Oracle
    program: Callable[[bool], Derived]
    arrays: Arrays
    parameters: Mapping[str, int | float | bool] = field(default_factory=dict)
    extents: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def expected(self) -> np.ndarray:
        """The value that the oracle gives."""
        return self.oracle(*self.arrays.values(), **self.parameters)

    @cached_property
    def random(self) -> tuple[np.ndarray, list[np.ndarray | None]]:
        """A cotangent of the result (1 where the result is a number), and a direction for every float argument."""
        rng = np.random.default_rng(1)
        shape = self.expected.shape
        cotangent = rng.standard_normal(shape) if shape else np.ones(())
        arrays = self.arrays.values()
        return cotangent, [rng.standard_normal(a.shape) if a.dtype.kind == "f" else None for a in arrays]

    def value_error(self) -> float:
        """The relative error of the value."""
        program = self.program(False).program
        found = evaluate(program, self.arrays, self.extents)[program.output.name]
        return relative_error(found, self.expected)

    @cached_property
    def gradients(self) -> list[np.ndarray | None]:
        """The gradients that the oracle gives."""
        return oracles.gradients(self.oracle, list(self.arrays.values()), self.parameters, self.random[0])

    def first_errors(self, sized: bool = False) -> dict[str, float]:
        """The relative error of the gradient of each float argument."""
        derived, (cotangent, _) = self.program(sized), self.random
        values = evaluate(derived.first, {**self.arrays, **_seeded(derived, cotangent)}, self.extents)
        return self._errors(values, derived.firsts, self.gradients)

    def second_errors(self) -> dict[str, float]:
        """The relative error of the gradient, in each float argument, of the gradients along random directions."""
        derived, (cotangent, directions) = self.program(False), self.random
        program, names = derived.twice
        along = {_direction(name): d for name, d in zip(self.arrays, directions, strict=True) if d is not None}
        values = evaluate(program, {**self.arrays, **_seeded(derived, cotangent), **along}, self.extents)
        given = list(self.arrays.values())
        expected = oracles.second_gradients(self.oracle, given, self.parameters, cotangent, directions)
        return self._errors(values, names, expected)

    def _errors(
        self, values: Arrays, names: Mapping[str, str | None], expected: Sequence[np.ndarray | None]
    ) -> dict[str, float]:
        errors = {}
        for (argument, array), wanted in zip(self.arrays.items(), expected, strict=True):
            if wanted is not None:
                name = names[argument]
                found = np.zeros(array.shape) if name is None else values[name]
                errors[argument] = relative_error(found, wanted)
        return errors


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference as a part of the largest element expected; infinite where shapes or dtypes differ."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return np.inf
    if found.dtype.kind != "f":
        return 0.0 if np.array_equal(found, expected) else np.inf
    scale = max(float(np.max(np.abs(expected), initial=0)), SMALL)
    return float(np.max(np.abs(found - expected), initial=0)) / scale


def subjects(name: str) -> list[Subject]:
    """An operation or a scalar function of the table in all its settings, in symbolic extents."""
    if name in OPERATIONS:
        return [operation_subject(name, setting) for setting in CASES[name].settings]
    return [scalar_subject(name, shape) for shape in SCALAR_SHAPES]


def operation_subject(name: str, setting: Setting) -> Subject:
    """An operation in one setting."""
    declarations = setting.example or OPERATIONS[name].example
    sampled = sample(declarations, setting.sizes, CASES[name].samplers)
    arrays = {argument: sampled[argument] for argument in OPERATIONS[name].arguments if argument in sampled}
    parameters = tuple(setting.parameters.items())

    def program(sized: bool) -> Derived:
        return _operation(name, declarations, parameters, tuple(setting.sizes.items()) if sized else None)

    return Subject(name, ORACLES[name], program, arrays, setting.parameters, setting.sizes)


def scalar_subject(name: str, shape: tuple[int, ...]) -> Subject:
    """A scalar function of arrays of one shape, element by element."""
    count = int(np.prod(shape))
    arguments = SCALARS[name].parameters
    arrays = {a: np.resize(points, count).reshape(shape) for a, points in zip(arguments, POINTS[name], strict=True)}
    return Subject(
        name, SCALAR_ORACLES[name], lambda sized: _scalar(name, shape if sized else "ABC"[: len(shape)]), arrays
    )


def differentiable() -> Iterator[str]:
    """The names of everything in the table that has derivatives: operations, then scalar functions of floats.

    The four operations of arithmetic are both, and come once.
    """
    yield from (name for name in OPERATIONS if name != "one_hot")
    functions = {name: function for name, function in SCALARS.items() if name not in OPERATIONS}
    yield from (name for name, function in functions.items() if function.result != "bool" and function.parameters)


def first_of_each_program(name: str) -> list[Subject]:
    """The settings of an operation or scalar function, one for each program that they need."""
    if name not in OPERATIONS:
        return subjects(name)
    found: dict[Any, Subject] = {}
    for setting in CASES[name].settings:
        found.setdefault((setting.example, *setting.parameters.items()), operation_subject(name, setting))
    return list(found.values())


@lru_cache(maxsize=1024)
def _operation(
    name: str,
    declarations: str,
    parameters: tuple[tuple[str, Any], ...],
    sizes: tuple[tuple[str, int], ...] | None,
) -> Derived:
    inputs = _symbolic(declarations) if sizes is None else _sized(declarations, dict(sizes))
    given = {argument: inputs[argument] for argument in OPERATIONS[name].arguments if argument in inputs}
    return _derived(program_of(instantiate(OPERATIONS[name], given, dict(parameters))[-1:], given.values()))


@lru_cache(maxsize=256)
def _scalar(name: str, extents: Sequence[int | str]) -> Derived:
    function = SCALARS[name]
    shape = tuple(as_affine(Symbol(extent) if isinstance(extent, str) else extent) for extent in extents)
    inputs = [Input(parameter, shape, "float64") for parameter in function.parameters]
    output = Compute(name, indices := _letters(shape), Apply(function, tuple(_read(i, indices) for i in inputs)))
    return _derived(program_of([output], inputs))


def _symbolic(declarations: str) -> dict[str, Input]:
    scope, inputs = Scope(), {}
    for declaration in parse_program(declarations).statements:
        assert isinstance(declaration, Declaration)
        inputs[declaration.name], scope = declare(declaration, scope, declarations)
    return inputs


def _sized(declarations: str, sizes: Mapping[str, int]) -> dict[str, Input]:
    declared = shapes(declarations, sizes)
    return {name: Input(name, tuple(map(as_affine, shape)), dtype) for name, (shape, dtype) in declared.items()}


def _derived(program: Program) -> Derived:
    if not is_float(program.output.dtype):
        return Derived(program, None, program, {})
    return Derived(program, *_gradient_program(program, "G"))


def _gradient_program(program: Program, seed: str) -> tuple[Input | None, Program, Mapping[str, str | None]]:
    """The seed, the program of the gradients of all inputs but directions and seeds, and its statement for each."""
    wanted = [given for given in program.inputs if is_float(given.dtype) and not _is_added(given.name)]
    found = gradients(program, wanted, seed)
    statements = {tensor.name: found.cotangents[tensor] for tensor in wanted}
    return found.seed, found.gradient_program(wanted), {name: s.name if s else None for name, s in statements.items()}


def _projected(first: Program, firsts: Mapping[str, str | None], inputs: Sequence[Input]) -> Program | None:
    """The program of ``Σ direction·gradient``, None where every gradient is zero."""
    statements = first.tensors()
    directions: list[Input] = []
    terms = []
    for given in inputs:
        gradient = statements[name] if (name := firsts.get(given.name)) else None
        if isinstance(gradient, Compute):
            directions.append(Input(_direction(given.name), given.shape, given.dtype))
            indices = gradient.indices
            terms.append(total(indices, mul(_read(directions[-1], indices), _read(gradient, indices))))
    if not terms:
        return None
    output = Compute("projected", (), add(*terms))
    return Program((*first.inputs, *directions), (*first.statements, output), (output,))


def _seeded(derived: Derived, cotangent: np.ndarray) -> dict[str, np.ndarray]:
    return {derived.seed.name: cotangent} if derived.seed else {}


def _direction(name: str) -> str:
    return f"along_{name}"


def _is_added(name: str) -> bool:
    """Whether an input is a cotangent or a direction, not an argument."""
    return name == "G" or name.startswith("along_")


def _letters(shape: Sequence[Affine]) -> tuple[Index, ...]:
    return tuple(Index(letter, extent) for letter, extent in zip("ijk", shape, strict=False))


def _read(tensor: Tensor, indices: Sequence[Index]) -> Read:
    return Read(tensor, tuple(map(as_affine, indices)))

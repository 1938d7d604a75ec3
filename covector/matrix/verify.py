"""The check of every matrix form: its text is read back and compared with the element form, by proof and by numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, permutations
from math import prod
from typing import Any

import numpy as np

from covector.calculus.build import ZERO
from covector.calculus.canonical import same
from covector.calculus.rules import proved_equal
from covector.errors import CovectorError, ShapeError
from covector.frontend.lazy import replace_reads
from covector.frontend.matrix import define_matrix
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Expr,
    Input,
    Program,
    Read,
    Symbol,
    Tensor,
    as_affine,
    substitute,
    transform,
    walk,
)
from covector.ir.affine import atoms
from covector.ir.dtype import is_integer
from covector.ir.tensor import read_tensors
from covector.matrix.fused import fused_sums, without_single_sums
from covector.matrix.reads import chosen_as_sums
from covector.notation.parse import parse_program
from covector.notation.scope import Scope, symbols_of
from covector.notation.syntax import Definition
from covector.run.extents import evaluate_extent
from covector.run.reference import Array, evaluate, grid_size

TOLERANCE = 1e-9
_LARGEST_GRID = 1_000_000
_SIZES = (2, 3, 5, 4, 7, 6, 11, 8, 9, 10)
_MOST_ORDERS = 200
_PROOF_LIMIT = 160
"""Nodes of both sides beyond which no proof is tried."""


@dataclass(frozen=True)
class Case:
    """An element form over inputs, its symbols with sizes, and arrays at random."""

    statement: Compute
    inputs: tuple[Input, ...]
    scope: Scope
    points: tuple[tuple[Mapping[str, int], Mapping[str, Array], Array], ...]


def case(statement: Compute) -> Case | None:
    """What matrix forms of a statement are compared with; None where it cannot be evaluated at random points."""
    inputs = {tensor: Input(tensor.name, tensor.shape, tensor.dtype) for tensor in read_tensors(statement)}
    found = {tensor: _as_read(given) for tensor, given in inputs.items() if tensor is not given}
    plain = Compute(statement.name, statement.indices, replace_reads(statement.body, found))
    scope = Scope()
    for given in inputs.values():
        scope = scope.with_tensor(given)
    scope = replace(scope, extents={**symbols_of(plain), **scope.extents})
    try:
        points = tuple(_points(plain, tuple(inputs.values())))
    except CovectorError:
        return None
    if points and not any(np.isfinite(value).any() for *_, value in points):
        return None
    return Case(plain, tuple(inputs.values()), scope, points)


def _as_read(tensor: Tensor) -> Callable[[tuple[Affine, ...]], Read]:
    return lambda positions: Read(tensor, positions)


def verified(case: Case, text: str) -> bool | None:
    """Whether a matrix form is proved to be equal, or only agrees; None where it is not equal, or cannot be read."""
    statements = read_back(case, text)
    if statements is None or statements[-1].shape != case.statement.shape:
        return None
    if not all(_agrees(case, statements, *point) for point in case.points):
        return None
    proved = _proved(case.statement, statements)
    return proved if proved or case.points else None


def read_back(case: Case, text: str) -> tuple[Compute, ...] | None:
    """The statements that a text in matrix form defines; None where it cannot be read."""
    name = "_" + case.statement.name
    while name in case.scope.tensors or name in case.scope.extents:
        name = "_" + name
    source = f"{name} = {text}"
    try:
        (definition,) = parse_program(source).statements
        if not isinstance(definition, Definition):
            return None
        statements = define_matrix(definition, case.scope, source)
    except CovectorError:
        return None
    return tuple(statement for statement in statements if isinstance(statement, Compute))


def _agrees(
    case: Case, statements: tuple[Compute, ...], extents: Mapping[str, int], arrays: Mapping[str, Array], wanted: Array
) -> bool:
    program = Program(case.inputs, statements, statements[-1:])
    try:
        found = evaluate(program, arrays, extents)[statements[-1].name]
    except CovectorError:
        return False
    return equal_arrays(found, wanted)


def equal_arrays(found: Array, wanted: Array) -> bool:
    """Whether two arrays agree to the tolerance, relative to the largest element; a nan agrees with a nan.

    >>> equal_arrays(np.ones(2), np.ones(2)), equal_arrays(np.ones(2), np.zeros(2))
    (True, False)
    """
    if found.shape != wanted.shape:
        return False
    left, right = found.astype(np.float64), wanted.astype(np.float64)
    finite = np.isfinite(left) & np.isfinite(right)
    if not np.array_equal(left[~finite], right[~finite], equal_nan=True):
        return False
    scale = float(np.max(np.abs(right[finite]), initial=1e-3))
    return bool(np.all(np.abs(left[finite] - right[finite]) <= TOLERANCE * scale))


def _proved(statement: Compute, statements: tuple[Compute, ...]) -> bool:
    """Whether the rules prove that both are the same."""
    body: Expr = transform(inlined(statements), _as_condition)
    own = {index: as_affine(0) for index in statement.indices if index.extent is as_affine(1)}
    wanted = chosen_as_sums(without_single_sums(substitute(statement.body, own)))
    pairs = zip(statements[-1].indices, statement.indices, strict=True)
    other = without_single_sums(substitute(body, {old: own.get(new, as_affine(new)) for old, new in pairs}))
    if sum(1 for _ in walk(wanted)) + sum(1 for _ in walk(other)) > _PROOF_LIMIT:
        return False
    if same(other, wanted) or same(other, fused_sums(wanted)):
        return True
    try:
        return proved_equal(other, wanted)
    except (CovectorError, RecursionError):
        return False


def _as_condition(node: Any) -> Any:
    """The condition c for ``[c] != 0``, as which a select reads a triangle of ones."""
    if isinstance(node, Apply) and node.function.name == "ne" and isinstance(node.arguments[0], Bracket):
        return node.arguments[0].condition if node.arguments[1] is ZERO else node
    return node


def inlined(statements: tuple[Compute, ...]) -> Expr:
    """The body of the last statement with the earlier ones put in."""
    found: dict[Tensor, Callable[[tuple[Affine, ...]], Expr]] = {}
    body = statements[-1].body
    for statement in statements:
        body = replace_reads(statement.body, found)
        found[statement] = _element(statement, body)
    return body


def _element(statement: Compute, body: Expr) -> Callable[[tuple[Affine, ...]], Expr]:
    def at(positions: tuple[Affine, ...]) -> Expr:
        element: Expr = substitute(body, dict(zip(statement.indices, positions, strict=True)))
        return element

    return at


def _points(
    statement: Compute, inputs: tuple[Input, ...]
) -> Iterator[tuple[Mapping[str, int], Mapping[str, Array], Array]]:
    """Sizes, arrays and the values there.

    First all sizes differ and the numbers are any, then one size is 1 and the numbers are positive and often equal.
    Where fixed extents make a statement too large to be evaluated in passing there are none, and only a proof counts.
    """
    forms = _extents(statement, inputs)
    names = list({node.name: None for form in forms for node in walk(form) if isinstance(node, Symbol)})
    program = Program(inputs, (statement,), (statement,))
    for turn in range(2):
        extents = _sizes(names, turn, forms)
        sizes = [prod(evaluate_extent(extent, extents) for extent in given.shape) for given in inputs]
        if sum(sizes) + grid_size(statement, extents) > _LARGEST_GRID:
            return
        random = np.random.default_rng(turn)
        bounds = _id_bounds(statement, extents)
        arrays = {given.name: _array(given, extents, bounds, random, bool(turn)) for given in inputs}
        yield extents, arrays, evaluate(program, arrays, extents)[statement.name]


def _array(
    given: Input, extents: Mapping[str, int], bounds: Mapping[Tensor, int], random: np.random.Generator, positive: bool
) -> Array:
    shape = tuple(evaluate_extent(extent, extents) for extent in given.shape)
    if is_integer(given.dtype):
        return random.integers(0, max(bounds.get(given, 2), 1), shape)
    if given.dtype == "bool":
        return random.random(shape) < 0.5
    return random.integers(2, 17, shape) / 8 if positive else random.standard_normal(shape)


def _sizes(names: list[str], turn: int, forms: list[Affine]) -> dict[str, int]:
    """Different sizes for the symbols, in the second turn 1 for one of them, such that all extents are positive."""
    sizes = [_SIZES[place % len(_SIZES)] for place in range(turn, turn + len(names))]
    sizes = [*sizes[:-1], 1] if turn and sizes else sizes
    for chosen in islice(permutations(sizes), _MOST_ORDERS):
        extents = dict(zip(names, chosen, strict=True))
        if all(evaluate_extent(form, extents) > 0 for form in forms):
            return extents
    raise ShapeError("the extents are not positive at sizes that were tried")


def _extents(statement: Compute, inputs: tuple[Input, ...]) -> list[Affine]:
    """The extents of the tensors and of the indices, in order."""
    shapes = [given.shape for given in inputs] + [statement.shape]
    forms = [extent for shape in shapes for extent in shape]
    forms += [index.extent for node in walk(statement.body) for index in getattr(node, "indices", ())]
    return list(dict.fromkeys(forms))


def _id_bounds(statement: Compute, extents: Mapping[str, int]) -> dict[Tensor, int]:
    """Below what the values of integer inputs must stay: the extents of the axes that they are positions in."""
    found: dict[Tensor, int] = {}
    for node in walk(statement.body):
        if isinstance(node, Read):
            for axis, position in enumerate(node.positions):
                _bound(position, node.tensor.shape[axis], extents, found)
        elif isinstance(node, Apply) and node.function.name == "eq":
            sides = [side for side in node.arguments if isinstance(side, Affine)]
            for index in (part for side in sides for part in walk(side) if hasattr(part, "extent")):
                for side in sides:
                    _bound(side, index.extent, extents, found)
    return found


def _bound(position: Affine, extent: Affine, extents: Mapping[str, int], found: dict[Tensor, int]) -> None:
    for atom in atoms(position):
        if isinstance(atom, Read):
            size = evaluate_extent(extent, extents)
            found[atom.tensor] = min(size, found.get(atom.tensor, size))

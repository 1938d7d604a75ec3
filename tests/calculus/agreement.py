"""What a derived gradient is compared with: differences of values, dual numbers, and its own simplifier.

`check_gradients` derives, evaluates and compares at one point; `check_second` differentiates the gradient program
again. Both raise `Disagreement` with what was found, and say why where the point tells nothing (a kink, a value out of
hand).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.calculus.build import add, mul, total
from covector.calculus.canonical import canonical
from covector.calculus.derivative import derivative_of
from covector.calculus.factor import factored
from covector.calculus.reverse import Gradients, gradients
from covector.calculus.rules import expand, simplify
from covector.ir import (
    Apply,
    Compute,
    Expr,
    Index,
    Input,
    Program,
    Read,
    Reduce,
    as_affine,
    check,
    children,
    is_float,
    rebuild,
    substitute,
)
from covector.ir.affine import free, order
from covector.run.dual import evaluate_dual
from covector.run.reference import evaluate_batch
from tests.support.programs import Arrays, float_inputs

Array = NDArray[Any]

STEP = 2e-3
LARGEST = 1e5
"""Values beyond this tell nothing: differences of them have no digits left."""


class Disagreement(AssertionError):
    """A derived gradient that is not what it should be."""


@dataclass(frozen=True)
class Point:
    """A program with sizes for its symbols and arrays for its inputs."""

    program: Program
    extents: Mapping[str, int]
    arrays: Arrays

    def batched(self) -> Arrays:
        """The arrays with a batch axis of 1."""
        return {name: array[None] for name, array in self.arrays.items()}

    def values(self, program: Program | None = None, more: Mapping[str, Array] | None = None) -> Arrays:
        """The values of a program at this point."""
        arrays = {**self.batched(), **{name: array[None] for name, array in (more or {}).items()}}
        found = evaluate_batch(program or self.program, arrays, self.extents)
        return {name: value[0] for name, value in found.items()}


# Finite differences and dual numbers


def frozen(program: Program) -> tuple[Program, Program | None]:
    """The program with every outermost `stop(e)` an input, and the program that computes those inputs.

    Differences do not see `stop`: they are taken of the first program, at the values that the second gives.
    """
    stops: list[Compute] = []
    own: dict[Any, Any] = {}

    def freeze(node: Any) -> Any:
        if isinstance(node, Apply) and node.function.name == "stop":
            indices = tuple(sorted(free(node), key=order))
            stops.append(Compute(f"stopped_{len(stops)}", indices, node.arguments[0]))
            given = Input(stops[-1].name, stops[-1].shape, stops[-1].dtype)
            return Read(given, tuple(as_affine(index) for index in indices))
        if isinstance(node, Read):
            node = Read(own.get(node.tensor, node.tensor), node.positions)
        return rebuild(node, tuple(freeze(child) for child in children(node)))

    for statement in program.statements:
        assert isinstance(statement, Compute)
        own[statement] = Compute(statement.name, statement.indices, freeze(statement.body), statement.cast)
    inputs = (Input(stop.name, stop.shape, stop.dtype) for stop in stops)
    cold = Program((*program.inputs, *inputs), tuple(own.values()), tuple(own[output] for output in program.outputs))
    return cold, Program(program.inputs, (*program.statements, *stops), tuple(stops)) if stops else None


def directions(point: Point, wrt: Sequence[Any], rng: np.random.Generator, coordinates: int) -> list[Arrays]:
    """Some coordinates of every input, and three directions along which all of them move."""
    found: list[Arrays] = []
    zero = {given.name: np.zeros_like(point.arrays[given.name]) for given in wrt}
    for given in wrt:
        size = point.arrays[given.name].size
        for place in rng.permutation(size)[: max(1, coordinates // max(len(wrt), 1))]:
            along = zero[given.name].copy()
            along.ravel()[place] = 1.0
            found.append({**zero, given.name: along})
    for _ in range(3):
        found.append({given.name: rng.normal(size=point.arrays[given.name].shape) for given in wrt})
    return found


def weighted(value: Array, seed: Array) -> Array:
    """The contraction of an output with its seed, for every member of the batch."""
    return np.asarray((value * seed).sum(axis=tuple(range(1, value.ndim))))


def differences(point: Point, ways: Sequence[Arrays], seed: Array) -> tuple[Array, Array]:
    """Central differences along directions, extrapolated from two steps, and how far the steps differ."""
    cold, warm = frozen(point.program)
    arrays = point.batched()
    if warm is not None:
        arrays.update({stop.name: point.values(warm)[stop.name][None] for stop in warm.outputs})
    steps = np.array([STEP, -STEP, STEP / 2, -STEP / 2])
    for name in ways[0]:
        moved = np.stack([way[name] for way in ways])
        shift = steps.reshape(-1, *(1,) * moved.ndim) * moved
        arrays[name] = (point.arrays[name] + shift).reshape(4 * len(ways), *point.arrays[name].shape)
    value = evaluate_batch(cold, arrays, point.extents)[cold.output.name]
    value = np.broadcast_to(value, (4 * len(ways), *value.shape[1:]))
    phi = weighted(value, seed).reshape(4, len(ways))
    wide, narrow = (phi[0] - phi[1]) / (2 * STEP), (phi[2] - phi[3]) / STEP
    best = (4 * narrow - wide) / 3
    noise = 1e-14 * np.abs(phi).max(axis=0, initial=0.0) / STEP
    return best, np.abs(best - narrow) + noise


def dual_slopes(point: Point, ways: Sequence[Arrays], seed: Array) -> Array:
    """The slopes along directions, with dual numbers."""
    tangents = {name: np.stack([way[name] for way in ways]) for name in ways[0]}
    moved = evaluate_dual(point.program, point.batched(), tangents, point.extents, derivative_of)
    tangent = moved[point.program.output.name][1]
    return weighted(np.broadcast_to(tangent, (len(ways), *tangent.shape[1:])), seed)


def dual_differences(point: Point, ways: Sequence[Arrays], along: Arrays, seed: Array) -> tuple[Array, Array]:
    """Central differences of the slope along one direction: second derivatives without a gradient program."""
    cold, warm = frozen(point.program)
    arrays = dict(point.arrays)
    if warm is not None:
        values = point.values(warm)
        arrays.update({stop.name: values[stop.name] for stop in warm.outputs})

    def slope(way: Arrays, step: float) -> float:
        moved = {**arrays, **{name: arrays[name] + step * way[name] for name in way}}
        return float(dual_slopes(Point(cold, point.extents, moved), [along], seed)[0])

    wide = np.array([(slope(way, STEP) - slope(way, -STEP)) / (2 * STEP) for way in ways])
    narrow = np.array([(slope(way, STEP / 2) - slope(way, -STEP / 2)) / STEP for way in ways])
    best = (4 * narrow - wide) / 3
    return best, np.abs(best - narrow)


# Comparisons


def check_gradients(point: Point, rng: np.random.Generator, coordinates: int = 12) -> str:
    """Derive the gradients of every float input and compare them; gives "" or why the point tells nothing."""
    program = point.program
    wrt = float_inputs(program)
    if not wrt or not is_float(program.output.dtype):
        return "nothing to differentiate"
    derived = gradients(program, wrt)
    computed = check(derived.gradient_program(wrt))
    output = point.values()[program.output.name]
    if not np.isfinite(output).all() or np.abs(output).max(initial=0.0) > LARGEST:
        return "values out of hand"
    seed = np.asarray(rng.normal(size=output.shape)) if derived.seed else np.ones(())
    found = point.values(computed, {derived.seed.name: seed} if derived.seed else {})
    slopes = _gradients_by_name(derived, wrt, found)
    ways = directions(point, wrt, rng, coordinates)
    return _compare(point, program, slopes, ways, seed)


def _gradients_by_name(derived: Gradients, wrt: Sequence[Any], found: Arrays) -> Arrays:
    return {t.name: found[c.name] for t in wrt if (c := derived.cotangents[t]) is not None}


def _compare(point: Point, program: Program, slopes: Arrays, ways: Sequence[Arrays], seed: Array) -> str:
    expected, unsure = differences(point, ways, seed)
    dual = dual_slopes(point, ways, seed)
    terms = [[way[name] * slope for name, slope in slopes.items()] for way in ways]
    actual = np.array([sum(float(term.sum()) for term in parts) for parts in terms])
    size = np.array([sum(float(np.abs(term).sum()) for term in parts) for parts in terms])
    for name, slope in slopes.items():
        shape = point.arrays[name].shape
        if slope.shape != shape:
            raise Disagreement(f"the gradient of {name} has the shape {slope.shape}, not {shape}")
    scale = 1.0 + np.where(np.isfinite(size), size, 0.0) + np.abs(dual)
    if not np.isfinite(expected).all() or (unsure > 1e-5 * scale).any() or (scale > LARGEST).any():
        return "a kink or a pole is near"
    reports = []
    if not (np.abs(dual - expected) <= 30 * unsure + 1e-6 * scale).all():
        reports.append("dual numbers differ from differences")
    if not (np.abs(actual - dual) <= 1e-8 * scale).all():
        reports.append("the gradient differs from dual numbers")
    if not (np.abs(actual - expected) <= 30 * unsure + 1e-6 * scale).all():
        reports.append("the gradient differs from differences")
    if reports:
        worst = int(np.argmax(np.nan_to_num(np.abs(actual - dual) / scale, nan=np.inf)))
        way = {name: array.round(3).tolist() for name, array in ways[worst].items()}
        raise Disagreement(
            f"{', '.join(reports)}: gradient {actual[worst]:.9g}, dual {dual[worst]:.9g},"
            f" differences {expected[worst]:.9g} along {way}"
        )
    return ""


def check_second(point: Point, rng: np.random.Generator) -> str:
    """Differentiate the gradient program again, contracted with a random direction, and compare."""
    program = point.program
    wrt = float_inputs(program)
    if not wrt or not is_float(program.output.dtype):
        return "nothing to differentiate"
    derived = gradients(program, wrt)
    given = [t for t in wrt if derived.cotangents.get(t) is not None]
    output = point.values()[program.output.name]
    if not given or not np.isfinite(output).all() or np.abs(output).max(initial=0.0) > LARGEST:
        return "no gradient"
    along = {t.name: np.asarray(rng.normal(size=point.arrays[t.name].shape)) for t in given}
    contracted, vectors = _contracted(derived, given)
    seed = np.asarray(rng.normal(size=output.shape)) if derived.seed else np.ones(())
    arrays = {**point.arrays, **{vectors[t].name: along[t.name] for t in given}}
    if derived.seed:
        arrays[derived.seed.name] = seed
    higher = Point(check(contracted), point.extents, arrays)
    again = gradients(contracted, wrt)
    found = higher.values(check(again.gradient_program(wrt)))
    slopes = _gradients_by_name(again, wrt, found)
    ways = directions(point, wrt, rng, 5)
    skipped = _compare(higher, contracted, slopes, ways, np.ones(()))
    if skipped:
        return skipped
    everything = {t.name: along.get(t.name, np.zeros_like(point.arrays[t.name])) for t in wrt}
    expected, unsure = dual_differences(point, ways[-3:], everything, seed)
    actual = np.array([sum(float((way[name] * slope).sum()) for name, slope in slopes.items()) for way in ways[-3:]])
    scale = 1.0 + np.abs(actual) + np.abs(expected)
    if (unsure > 1e-5 * scale).any() or not np.isfinite(expected).all():
        return "a kink or a pole is near"
    if not (np.abs(actual - expected) <= 30 * unsure + 1e-6 * scale).all():
        raise Disagreement(f"the second derivative is {actual}, differences of dual numbers give {expected}")
    return ""


def _contracted(derived: Gradients, given: Sequence[Input]) -> tuple[Program, dict[Input, Input]]:
    """The gradient program with one more statement: its outputs contracted with vectors, which are inputs."""
    program = derived.gradient_program(given)
    vectors: dict[Input, Input] = {}
    terms: list[Expr] = []
    for tensor in given:
        cotangent = derived.cotangents[tensor]
        assert cotangent is not None
        vectors[tensor] = Input(f"along_{tensor.name}", tensor.shape, "float64")
        at = tuple(as_affine(index) for index in cotangent.indices)
        terms.append(total(cotangent.indices, mul(Read(vectors[tensor], at), Read(cotangent, at))))
    last = Compute("contracted_", (), add(*terms))
    return Program((*program.inputs, *vectors.values()), (*program.statements, last), (last,)), vectors


# The simplifier


def check_simplifier(point: Point, rng: np.random.Generator) -> None:
    """Every statement of the program and of its gradients keeps its value in normal form, multiplied out, factored."""
    program = point.program
    wrt = float_inputs(program)
    if not wrt or not is_float(program.output.dtype):
        return
    derived = gradients(program, wrt)
    computed = derived.gradient_program(wrt)
    output = point.values()[program.output.name]
    seed = {derived.seed.name: np.asarray(rng.normal(size=output.shape))} if derived.seed else {}
    before = point.values(computed, seed)
    for statement in computed.statements:
        assert isinstance(statement, Compute)
        normal = simplify(statement.body)
        forms = {"simplify": normal, "factored": factored(normal), "expand": expand(statement.body)}
        forms["canonical"] = canonical(normal)
        for name, form in forms.items():
            other = Compute(f"{statement.name}'", statement.indices, form, statement.dtype)
            changed = Program(computed.inputs, (*computed.statements, other), (other,))
            value = point.values(check(changed), seed)[other.name]
            expected = before[statement.name]
            if np.isnan(expected).any():
                continue
            # Multiplied out, 1 - tanh(x)² may cancel.
            scale = (1e-6 if name == "expand" else 1e-9) * (1 + np.abs(expected).max(initial=0.0))
            if not np.allclose(value, expected, rtol=1e-8, atol=scale):
                raise Disagreement(
                    f"{name} changes the value of {statement!r}\n  to {form!r}:\n  {expected}\n  {value}"
                )
        if canonical(simplify(normal)) is not canonical(normal):
            raise Disagreement(f"simplify is not done after once: {normal!r}\n  then {simplify(normal)!r}")
        for mixed in (scrambled(statement.body, rng), scrambled(statement.body, rng)):
            if canonical(mixed) is not canonical(statement.body):
                raise Disagreement(f"canonical differs for\n  {statement.body!r}\n  {mixed!r}")


def scrambled(expr: Any, rng: np.random.Generator) -> Any:
    """The same expression with bound indices renamed, and terms and factors shuffled."""
    parts = tuple(scrambled(child, rng) for child in children(expr))
    result = rebuild(expr, parts)
    if isinstance(result, Apply) and result.function.name in ("add", "mul", "and", "or", "maximum", "minimum"):
        return Apply(result.function, tuple(result.arguments[n] for n in rng.permutation(len(result.arguments))))
    if isinstance(result, Reduce):
        names = {
            index: Index(f"{'abcxyz'[rng.integers(6)]}{rng.integers(10**6)}", index.extent) for index in result.indices
        }
        body = substitute(result.body, {old: as_affine(new) for old, new in names.items()})
        indices = [names[result.indices[n]] for n in rng.permutation(len(result.indices))]
        return Reduce(result.operation, tuple(indices), body)
    return result

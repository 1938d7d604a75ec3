"""Checking a derived gradient against numbers that owe nothing to the derivation.

At several shapes and random points in float64, every gradient is compared with central differences of the
forward (all coordinates up to a limit, random directions beyond it) and with dual numbers along random
directions. What does not agree is withheld. Central differences: Nocedal and Wright, Numerical Optimization,
section 8.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from covector.calculus.derivative import derivative_of
from covector.derivation.record import Verification
from covector.derivation.sample import Sample, samples
from covector.errors import VerificationError
from covector.ir import Compute, Input, Program, Read, Tensor, transform
from covector.run.dual import evaluate_dual
from covector.run.freeze import without_stops
from covector.run.precision import in_float64
from covector.run.reference import Array, evaluate_batch

COORDINATES = 24
"""Coordinates of a tensor that are all moved; of a larger one, this many random directions."""

DIFFERENCE_TOLERANCE = 1e-5
DUAL_TOLERANCE = 1e-9
STEP = 2e-4
STENCIL = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
"""Weights of the value at each multiple of the step: the central difference of fourth order."""

SMALL = 1e-4
"""The size of a slope below which errors are not relative to it: that of a softmax over one class is only rounding."""

TRIES = 4
"""Points tried where a check fails, since a difference may straddle a kink; a wrong gradient fails at all."""


@dataclass(frozen=True)
class Candidate:
    """A tensor and the statements that each claim to be its gradient (None: that it is zero)."""

    tensor: Tensor
    claims: tuple[Compute | None, ...]


def verify(
    program: Program, seed: Input | None, derived: Program, candidates: Iterable[Candidate]
) -> dict[str, Verification]:
    """What each claim was checked against, by the name of its tensor.

    ``derived`` computes everything that the claims read. Raises `VerificationError` for a claim that does not hold.
    """
    program, derived = in_float64(program), in_float64(derived)
    tensors = program.tensors()
    candidates = tuple(Candidate(tensors[candidate.tensor.name], candidate.claims) for candidate in candidates)
    errors: dict[str, tuple[float, float]] = {candidate.tensor.name: (0.0, 0.0) for candidate in candidates}
    points: dict[str, int] = dict.fromkeys(errors, 0)
    shapes: list[Mapping[str, int]] = []
    for tries in samples(program, seed, TRIES):
        found = _first_agreement(program, seed, derived, candidates, tries)
        if found is None:
            continue
        sample, results = found
        shapes.append(sample.extents)
        for name, (difference, dual, count) in results.items():
            errors[name] = (max(errors[name][0], difference), max(errors[name][1], dual))
            points[name] += count
    if not shapes:
        return {}
    return {name: Verification(tuple(shapes), points[name], *errors[name]) for name in errors}


def _first_agreement(
    program: Program,
    seed: Input | None,
    derived: Program,
    candidates: tuple[Candidate, ...],
    tries: Iterator[Sample],
) -> tuple[Sample, dict[str, tuple[float, float, int]]] | None:
    """The errors at the first of several points of one shape where everything agrees."""
    failure: VerificationError | None = None
    for sample in tries:
        values = {**_unbatched(sample.arrays), **_unbatched(evaluate_batch(derived, sample.arrays, sample.extents))}
        try:
            return sample, {c.tensor.name: _compare(program, seed, c, sample, values) for c in candidates}
        except VerificationError as error:
            failure = error
    if failure is not None:
        raise failure
    return None


def _compare(
    program: Program, seed: Input | None, candidate: Candidate, sample: Sample, values: Mapping[str, Array]
) -> tuple[float, float, int]:
    """The relative errors of the claims about one tensor at one point, and how many numbers were compared."""
    name = candidate.tensor.name
    cut, arrays = _cut(program, candidate.tensor, sample, values)
    moves = _moves(arrays[name][0], sample.rng)
    weight = sample.arrays[seed.name][0] if seed else np.ones(())
    output = program.output.name
    slopes = _differences(cut, arrays, name, moves, sample, output, weight)
    exact = _duals(cut, arrays, name, moves, sample, output, weight)
    worst = (0.0, 0.0)
    for claim in candidate.claims:
        gradient = np.zeros(arrays[name].shape[1:]) if claim is None else _claimed(claim, values, sample)
        claimed = (moves * gradient).reshape(len(moves), -1).sum(axis=1)
        scale = max(SMALL, float(np.abs(exact).max(initial=0.0)), float(np.abs(claimed).max(initial=0.0)))
        difference = float(np.abs(slopes - claimed).max(initial=0.0)) / max(scale, _noise(values[output], weight))
        dual = float(np.abs(exact - claimed).max(initial=0.0)) / scale
        if not (difference <= DIFFERENCE_TOLERANCE and dual <= DUAL_TOLERANCE):
            raise _withheld(candidate.tensor, sample, max(difference, dual))
        worst = (max(worst[0], difference), max(worst[1], dual))
    return *worst, len(moves)


def _noise(output: Array, weight: Array) -> float:
    """The slope below which central differences see only rounding."""
    return float(np.abs(output * weight).sum()) * 1e-16 / STEP / DIFFERENCE_TOLERANCE * 10 if output.size else 0.0


def _claimed(claim: Compute, values: Mapping[str, Array], sample: Sample) -> Array:
    if claim.name in values:
        return values[claim.name]
    raise VerificationError(f"the derived program does not compute {claim.name}")


def _withheld(tensor: Tensor, sample: Sample, error: float) -> VerificationError:
    at = ", ".join(f"{name} = {value}" for name, value in sample.extents.items())
    return VerificationError(
        f"the gradient derived for {tensor.name} did not pass its own check and is withheld: "
        f"relative error {error:.1e}" + (f" at {at}" if at else ""),
        hint="this is a bug of covector; please report the program",
    )


def _cut(
    program: Program, tensor: Tensor, sample: Sample, values: Mapping[str, Array]
) -> tuple[Program, dict[str, Array]]:
    """The program in which the tensor is an input and what ``stop`` holds is constant, and its arrays."""
    arrays = dict(sample.arrays)
    if not isinstance(tensor, Input):
        given = Input(tensor.name, tensor.shape, tensor.dtype)
        program = _with_input(program, tensor, given)
        arrays[given.name] = values[tensor.name][None]
    frozen, constants = without_stops(program)
    if constants.statements:
        arrays |= evaluate_batch(constants, arrays, sample.extents)
    return frozen, arrays


def _with_input(program: Program, tensor: Tensor, given: Input) -> Program:
    """The program with a statement replaced by an input of the same name."""
    replaced: dict[Tensor, Tensor] = {tensor: given}
    statements: list[Compute] = []
    for statement in program.statements:
        assert isinstance(statement, Compute)
        if statement is tensor:
            continue
        body = transform(
            statement.body,
            lambda n: Read(replaced.get(n.tensor, n.tensor), n.positions) if isinstance(n, Read) else n,
        )
        new = Compute(statement.name, statement.indices, body, statement.cast)
        replaced[statement] = new
        statements.append(new)
    return Program((*program.inputs, given), tuple(statements), (statements[-1],))


def _moves(array: Array, rng: np.random.Generator) -> Array:
    """Directions to move an array in: every coordinate where there are few, otherwise random ones."""
    if array.size <= COORDINATES:
        return np.eye(array.size).reshape(array.size, *array.shape)
    return rng.standard_normal((COORDINATES, *array.shape))


def _differences(
    program: Program, arrays: Mapping[str, Array], name: str, moves: Array, sample: Sample, output: str, weight: Array
) -> Array:
    """Central differences of Σ weight·output along the moves."""
    step = STEP * max(1.0, float(np.abs(arrays[name]).max(initial=0.0)))
    moved = np.concatenate([arrays[name] + distance * step * moves for distance in STENCIL])
    value = evaluate_batch(program, {**arrays, name: moved}, sample.extents)[output]
    total = (np.broadcast_to(value, (len(moved), *value.shape[1:])) * weight).reshape(len(moved), -1).sum(axis=1)
    slopes: Array = np.array(list(STENCIL.values())) @ total.reshape(len(STENCIL), len(moves)) / step
    return slopes


def _duals(
    program: Program, arrays: Mapping[str, Array], name: str, moves: Array, sample: Sample, output: str, weight: Array
) -> Array:
    """Derivatives of Σ weight·output along the moves, by dual numbers."""
    _, tangent = evaluate_dual(program, arrays, {name: moves}, sample.extents, derivative_of)[output]
    tangent = np.broadcast_to(tangent, (len(moves), *tangent.shape[1:]))
    result: Array = (tangent * weight).reshape(len(moves), -1).sum(axis=1)
    return result


def _unbatched(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name: array[0] for name, array in arrays.items()}

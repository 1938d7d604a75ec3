"""Two terms of a chain: are they equal, and if they are not, why?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from covector.calculus.build import NOT, equal, mul
from covector.checker.bench import MOST_SPOTS, Bench, Factor
from covector.checker.causes import factor_cause, matching
from covector.checker.compare import Finding, decide
from covector.checker.guess import Truth
from covector.checker.mistakes import MISTAKES
from covector.checker.search import counterexample
from covector.checker.show import point_sentence, size_sentence
from covector.checker.verdict import Cause, Verdict
from covector.errors import CovectorError
from covector.ir import Apply, Bracket, Compute, Expr, Index, Read, Tensor, as_affine, walk
from covector.ir.affine import free
from covector.ir.tensor import program_of
from covector.notes.translate import Translator
from covector.notes.translate_derivatives import SEED, as_indices
from covector.notes.translate_values import (
    Value,
    contracted,
    elementwise,
    is_one,
    matrix_product,
    shape_of,
    squeezed,
    sum_of_all,
)

GUESS_SECONDS = 2.0


@dataclass(frozen=True)
class Equality:
    """What a comparison found; ``note`` says what else must be said of it."""

    finding: Finding
    claimed: Compute | None = None
    true: Compute | None = None
    note: str = ""
    message: str = ""
    cause: Cause | None = None


def compare(translator: Translator, true: Value, claimed: Value, unequal: list[tuple[str, str]]) -> Equality:
    """Whether a claimed value is the true one."""
    extents = translator.extents
    if claimed.is_number and true.shape and _constant(claimed):
        claimed = spread(claimed, true)
    elif true.is_number and claimed.shape and _constant(true):
        true = spread(true, claimed)
    if len(true.shape) != len(claimed.shape):
        short = as_rule(translator, true, claimed)
        if short is not None:
            return short
        true, claimed = squeezed(extents, true), squeezed(extents, claimed)
    fits = len(true.shape) == len(claimed.shape) and all(map(extents.unify, true.shape, claimed.shape))
    if not fits:
        short = as_rule(translator, true, claimed)
        if short is not None:
            return short
        missing = missing_sum(translator, true, claimed)
        if missing:
            cause = Cause("missing sum", missing)
            return Equality(Finding("wrong", shapes_differ=True), message=missing, cause=cause)
        message = f"the shape is {shape_of(extents, claimed)}, and {shape_of(extents, true)} is wanted"
        return Equality(Finding("wrong", shapes_differ=True), message=message)
    sides = statements(translator, true, claimed, unequal)
    return Equality(decide(sides[1], sides[0]), sides[1], sides[0])


def spread(value: Value, like: Value) -> Value:
    """A number at every position."""
    return Value(like.shape, lambda _: value.at(()))


def missing_sum(translator: Translator, true: Value, claimed: Value) -> str:
    """That the claimed terms only have to be added; '' where that does not make them right."""
    extents = translator.extents
    node = translator.node
    whole = Value((), lambda _: sum_of_all(extents, claimed))
    options = [("all its elements", whole)] if true.is_number else []
    for axis in (n for n, extent in enumerate(claimed.shape) if not is_one(extents.resolve(extent))):
        options.append((f"axis {axis}", translator.sum_over(node, claimed, axis)))
    for name, value in options:
        left, right = squeezed(extents, true), squeezed(extents, value)
        if len(left.shape) != len(right.shape) or not all(
            extents.same(a, b) for a, b in zip(left.shape, right.shape, strict=True)
        ):
            continue
        sides = statements(translator, left, right, [])
        if equal_at_points(sides[1], sides[0]):
            shapes = f"the shape is {shape_of(extents, claimed)}, and {shape_of(extents, true)} is wanted"
            return f"the sum over {name} is missing: {shapes}"
    return ""


def _constant(value: Value) -> bool:
    return not any(isinstance(node, Read) for node in walk(value.at(()))) and not free(value.at(()))


def statements(
    translator: Translator, true: Value, claimed: Value, unequal: list[tuple[str, str]]
) -> tuple[Compute, Compute]:
    """Both sides over the same indices: the free letters, then the axes."""
    extents = translator.extents
    shape = tuple(map(extents.resolve, true.shape))
    axes = as_indices(extents, shape)
    bodies = [guarded(translator, side.at(axes), unequal) for side in (true, claimed)]
    letters = sorted({i for body in bodies for i in free(body)} - {p.index for p in axes}, key=lambda i: i.name)
    own = tuple(index for position in axes if (index := position.index) is not None)
    indices = (*letters, *own)
    return Compute("true", indices, bodies[0]), Compute("claim", indices, bodies[1])


def guarded(translator: Translator, body: Expr, unequal: list[tuple[str, str]]) -> Expr:
    """A side under the condition that some letters differ."""
    letters = {index.name: index for index in free(body)}
    for left, right in unequal:
        pair = [_like(letters, name) for name in (left, right)]
        if pair[0] is not None and pair[1] is not None:
            delta = equal(as_affine(pair[0]), as_affine(pair[1]))
            body = mul(Bracket(Apply(NOT, (delta.condition,))), body)
    return body


def _like(letters: dict[str, Index], name: str) -> Index | None:
    """The index of a name, also where that is only its end: ``out_q`` for ``C_out_q``."""
    return letters.get(name) or next((i for own, i in letters.items() if own.endswith(f"_{name}")), None)


def as_rule(translator: Translator, true: Value, claimed: Value) -> Equality | None:
    """Where a whole Jacobian is claimed to be one factor of the product with the cotangent: shorthand."""
    if true.split is None or not claimed.shape:
        return None
    extents = translator.extents
    upstream = translator.seed_value(true.shape[: true.split])
    node = translator.node
    gradient = contracted(extents, node, upstream, true)
    forms: dict[str, Callable[[], Value]] = {
        f"{SEED} M": lambda: matrix_product(extents, node, upstream, claimed),
        f"M {SEED}": lambda: matrix_product(extents, node, claimed, upstream),
        f"{SEED} ⊙ M": lambda: elementwise(extents, node, [upstream, claimed], mul, "the product"),
    }
    for form, make in forms.items():
        try:
            product = make()
            if len(product.shape) != len(gradient.shape) or not all(
                extents.same(a, b) for a, b in zip(product.shape, gradient.shape, strict=True)
            ):
                continue
            pair = statements(translator, gradient, product, [])
            finding = decide(pair[1], pair[0])
        except CovectorError:
            continue
        if finding.answer != "wrong":
            return Equality(finding, note=form)
    return None


def verdict_of(found: Equality, claim: str, reading: str, line: int, column: int) -> Verdict:
    """The verdict on one equality of a chain."""
    finding = found.finding
    place: dict[str, int] = {"line": line, "column": column}
    if finding.answer == "proved":
        message = "equal by the rules of the calculus"
        return Verdict("proved", claim, message, reading, evidence=finding.evidence, **place)  # type: ignore[arg-type]
    if finding.answer == "agrees":
        message = f"equal at {finding.evidence.points} points, not proved"
        return Verdict("agrees", claim, message, reading, evidence=finding.evidence, **place)  # type: ignore[arg-type]
    if found.claimed is None or found.true is None:
        cause = found.cause or Cause("shapes that cannot be", found.message)
        return Verdict("wrong", claim, found.message, reading, cause=cause, **place)  # type: ignore[arg-type]
    example = None if finding.shapes_differ else counterexample(found.claimed, found.true)
    message = "the two sides differ"
    if finding.counterexample is not None:
        message = size_sentence(finding.counterexample)
    elif example is not None:
        message = point_sentence(example, "the left side") if example.where is not None else size_sentence(example)
    cause = cause_of(found.claimed, found.true)
    example = example or finding.counterexample
    return Verdict(
        "wrong", claim, message, reading, cause=cause, counterexample=example, evidence=finding.evidence,
        **place,  # type: ignore[arg-type]
    )  # fmt: skip


def cause_of(claimed: Compute, true: Compute) -> Cause:
    """Why a side is wrong, as far as that shows without what was written."""
    try:
        bench = Bench(true, program_of((claimed,)).inputs)
        if bench.is_zero(claimed):
            return Cause("zero", "the claim is 0 everywhere")
        factor = bench.factor(claimed, true)
        if factor is not None and factor != Factor():
            return factor_cause(factor)
    except (CovectorError, ValueError, KeyError, ZeroDivisionError):
        pass
    return Cause("unknown", "no single mistake that is tried explains the difference")


def guessed_cause(claimed: Compute, true: Compute) -> Cause | None:
    """The mistake that makes of the truth what is claimed, where one of those that people make does."""
    inputs = program_of((claimed, true)).inputs
    until = time.process_time() + GUESS_SECONDS
    try:
        bench = Bench(true, inputs)
        for mistake in MISTAKES if bench.spots else ():
            guesses = takewhile(lambda _: time.process_time() < until, mistake(Truth(true, inputs)))
            if (found := matching(claimed, guesses, bench)) is not None:
                return found
    except (CovectorError, ValueError, KeyError, ZeroDivisionError):
        pass
    return None


def equal_at_points(claimed: Compute, true: Compute) -> bool:
    """Whether two sides are the same at a few points."""
    if claimed.shape != true.shape:
        return False
    others: tuple[Tensor, ...] = program_of((claimed,)).inputs
    try:
        # Most of what is tried differs at the first point already.
        benches = (Bench(true, others, most) for most in (1, MOST_SPOTS))
        return all(bench.spots and bench.equal(claimed, true) for bench in benches)
    except (CovectorError, ValueError, KeyError, ZeroDivisionError):
        return False

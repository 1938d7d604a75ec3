"""Mistakes made on purpose: what a true statement becomes by one small change, each with the name of the cause.

Every function takes a true statement and what it may read, and gives the statements that a person who makes this
mistake would claim, each with one sentence that says what is different.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import combinations, permutations

from covector.calculus.build import (
    EQ,
    LE,
    LT,
    MINUS_ONE,
    NOT,
    ONE,
    add,
    base_exponent,
    factors_of,
    is_apply,
    mul,
    number,
    power,
    terms_of,
)
from covector.checker.guess import Guess, Mistake, Truth, changed, parts, reread, scopes, shown
from covector.checker.mistakes_alike import epsilons, inside, one_less, wrong_axes
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Compute,
    Expr,
    Index,
    Literal,
    Read,
    Reduce,
    Select,
    Tensor,
    as_affine,
    is_float,
    substitute,
    walk,
)
from covector.ir.affine import free
from covector.notation.print import shape_text, text
from covector.ops import SCALARS

MOST_AXES = 4
_SWAPPED = {
    "sin": "cos",
    "cos": "sin",
    "exp": "log",
    "log": "exp",
    "maximum": "minimum",
    "minimum": "maximum",
    "tanh": "sigmoid",
}


def transposed(truth: Truth) -> Iterator[Guess]:
    """The axes in another order."""
    statement = truth.statement
    if not 2 <= len(statement.indices) <= MOST_AXES:
        return
    for order in permutations(range(len(statement.indices))):
        if order != tuple(range(len(order))):
            indices = tuple(statement.indices[n] for n in order)
            shape = shape_text(tuple(index.extent for index in indices), "unicode")
            right = shape_text(statement.shape, "unicode")
            what = "the transpose" if len(order) == 2 else f"the right values with the axes in the order {order}"
            yield Guess(
                Compute("guess", indices, statement.body), "transposed", f"this is {what}: {shape}, not {right}"
            )


def sums(truth: Truth) -> Iterator[Guess]:
    """A sum left out, or made a mean."""
    for node in parts(truth.statement):
        if not isinstance(node, Reduce) or node.operation != "sum":
            continue
        for index in node.indices:
            rest = tuple(other for other in node.indices if other is not index)
            over = f"over {index.name} (of {text(index.extent)})"
            mean = mul(node, power(index.extent, -1))
            yield changed(truth, node, mean, "mean for sum", f"the sum {over} is taken as a mean")
            for kept in truth.statement.indices:
                if kept.extent is index.extent:
                    body = substitute(node.body, {index: as_affine(kept)})
                    left = Reduce("sum", rest, body) if rest else body
                    yield changed(truth, node, left, "missing sum", f"the sum {over} is missing")


def extra_sums(truth: Truth) -> Iterator[Guess]:
    """A sum over an axis of the result."""
    statement = truth.statement
    for index in statement.indices:
        other = Index(f"{index.name}'", index.extent)
        body = Reduce("sum", (other,), substitute(statement.body, {index: as_affine(other)}))
        sentence = f"there is a sum over {index.name} too many"
        yield Guess(Compute("guess", statement.indices, body), "extra sum", sentence)
        rest = tuple(kept for kept in statement.indices if kept is not index)
        yield Guess(Compute("guess", rest, body), "extra sum", sentence)
        for node in parts(statement):
            if isinstance(node, Read) and index in free(node):
                summed = Reduce("sum", (other,), substitute(node, {index: as_affine(other)}))
                sentence = f"{text(node)} is summed over {index.name}, and should not be"
                yield changed(truth, node, summed, "extra sum", sentence)


def terms(truth: Truth) -> Iterator[Guess]:
    """A term dropped, doubled, halved, or with the other sign; then two terms dropped."""
    for node in parts(truth.statement):
        if is_apply(node, "sub"):
            left, right = node.arguments  # type: ignore[union-attr]
            found = [left, mul(MINUS_ONE, right)]
        else:
            found = list(terms_of(node))
        if len(found) < 2:
            continue
        for n, term in enumerate(found):
            others = [*found[:n], *found[n + 1 :]]
            said = shown(term)
            yield changed(truth, node, add(*others), "dropped term", f"the term {said} is missing")
            yield changed(truth, node, add(*found, term), "doubled term", f"the term {said} is there twice")
            flipped = add(*others, mul(MINUS_ONE, term))
            yield changed(truth, node, flipped, "sign", f"the sign of the term {said} is wrong")
            halved = add(*others, mul(number(Fraction(1, 2)), term))
            yield changed(truth, node, halved, "factor 1/2", f"the term {said} is there by half")
        for first, second in combinations(found, 2) if 2 < len(found) <= 5 else ():
            rest = add(*(term for term in found if term is not first and term is not second))
            sentence = f"the terms {shown(first)} and {shown(second)} are missing"
            yield changed(truth, node, rest, "dropped term", sentence)


def outer_factors(truth: Truth) -> Iterator[Guess]:
    """A factor of the whole, or of the whole sum, left out, or there twice."""
    node: Expr = truth.statement.body
    while True:
        yield from _factors(truth, node)
        if isinstance(node, Reduce):
            node = node.body
        elif is_apply(node, "div") or is_apply(node, "neg"):
            node = node.arguments[0]  # type: ignore[union-attr]
        else:
            sums = [factor for factor in factors_of(node) if isinstance(factor, Reduce)]
            if len(sums) != 1 or len(factors_of(node)) == 1:
                return
            node = sums[0]


def factors(truth: Truth) -> Iterator[Guess]:
    """A factor of any part left out, there twice, or on the wrong side of a quotient."""
    for node in parts(truth.statement):
        yield from _factors(truth, node)


def _factors(truth: Truth, node: Expr) -> Iterator[Guess]:
    if is_apply(node, "div"):
        top, bottom = node.arguments  # type: ignore[union-attr]
        yield changed(truth, node, top, *_missing(power(bottom, -1), (top,)))
        yield changed(truth, node, mul(top, bottom), "wrong exponent", f"{shown(bottom)} stands above instead of below")
    found = list(factors_of(node))
    if len(found) < 2:
        return
    for n, factor in enumerate(found):
        if isinstance(factor, Literal):
            continue
        others = [*found[:n], *found[n + 1 :]]
        yield changed(truth, node, mul(*others), *_missing(factor, others))
        yield changed(truth, node, mul(*found, factor), "extra factor", f"the factor {shown(factor)} is there twice")
    for first, second in combinations(found, 2) if 2 < len(found) <= 5 else ():
        left = [factor for factor in found if factor is not first and factor is not second]
        name, _ = max(_missing(first, ()), _missing(second, ()), key=lambda missing: len(missing[0]))
        yield changed(truth, node, mul(*left), name, f"the factors {shown(first)} and {shown(second)} are missing")


def _missing(factor: Expr, others: Iterable[Expr]) -> tuple[str, str]:
    """The name and the sentence for a factor left out of a product with others."""
    sentence = f"the factor {shown(factor)} is missing"
    if isinstance(factor, Bracket):
        return "missing condition", f"the condition {text(factor)} is missing"
    base, exponent = base_exponent(factor)
    if exponent < 0:
        if not isinstance(base, Affine):
            return "missing factor", f"the division by {shown(base)} is missing"
        summed = [i for o in others for node in walk(o) if isinstance(node, Reduce) for i in node.indices]
        if any(index.extent is base for index in summed):
            return "sum for mean", f"a sum stands where a mean belongs: the division by {shown(base)} is missing"
        return "missing factor 1/n", f"the division by {shown(base)} is missing"
    read = any(isinstance(node, Read) and isinstance(node.tensor, Compute) for node in walk(factor))
    plain = ("mul", "neg", "div", "add", "sub", "pow")
    calls = any(isinstance(node, Apply) and node.function.name not in plain for node in walk(factor))
    if calls or (read and not isinstance(factor, (Read, Reduce))):
        return "missing derivative of the nonlinearity", sentence
    return "missing factor", sentence


def powers(truth: Truth) -> Iterator[Guess]:
    """Another exponent."""
    for node in parts(truth.statement):
        if not is_apply(node, "pow") and not is_apply(node, "sqrt"):
            continue
        assert isinstance(node, Apply)
        base = node.arguments[0]
        literal = node.arguments[1] if len(node.arguments) > 1 else number(Fraction(1, 2))
        if not (isinstance(literal, Literal) and isinstance(literal.value, Fraction)):
            continue
        for other in (literal.value + 1, literal.value - 1, -literal.value, literal.value / 2, literal.value * 2):
            right = f"{shown(base)} has the exponent {literal.value}, and here it has {other}"
            yield changed(truth, node, power(base, other) if other else number(1), "wrong exponent", right)


def reads(truth: Truth) -> Iterator[Guess]:
    """Another tensor of the same shape, or another index, in a read."""
    statement = truth.statement
    seen = scopes(statement)
    for node in parts(statement):
        if not isinstance(node, Read):
            continue
        scope = seen[node]
        for n, position in enumerate(node.positions):
            for index in scope:
                if position.index is not None and position.index is not index and index.extent is position.index.extent:
                    moved = Read(node.tensor, (*node.positions[:n], as_affine(index), *node.positions[n + 1 :]))
                    sentence = f"{text(moved)} stands where {text(node)} belongs"
                    yield changed(truth, node, moved, "wrong index", sentence)
        if len(node.positions) == 2 and node.tensor.shape[0] is node.tensor.shape[1]:
            moved = Read(node.tensor, node.positions[::-1])
            yield changed(truth, node, moved, "transposed", f"{node.tensor.name} stands transposed")


def tensors(truth: Truth) -> Iterator[Guess]:
    """One tensor for another of the same shape: the forward value for the input, or the input for the value."""
    statement = truth.statement
    read = dict.fromkeys(node.tensor for node in walk(statement.body) if isinstance(node, Read))
    for tensor in read:
        for other in truth.tensors if tensor in truth.tensors else ():
            if other is tensor or not is_float(other.dtype) or other.shape not in (tensor.shape, tensor.shape[::-1]):
                continue
            name = _exchange(truth.tensors, tensor, other)
            sentence = f"{other.name} stands where {tensor.name} belongs"
            yield Guess(reread(statement, tensor, other, None), name, sentence)
            for node in parts(statement):
                if isinstance(node, Read) and node.tensor is tensor:
                    yield Guess(reread(statement, tensor, other, node), name, sentence)


def _exchange(order: tuple[Tensor, ...], right: Tensor, found: Tensor) -> str:
    """The name of the mistake that one tensor stands where another belongs."""
    places = [order.index(tensor) if tensor in order else len(order) for tensor in (right, found)]
    if places[1] > places[0] and isinstance(found, Compute):
        return "forward value for input"
    return "input for forward value" if places[1] < places[0] and isinstance(right, Compute) else "another tensor"


def functions(truth: Truth) -> Iterator[Guess]:
    """A scalar function left out, or another one."""
    for node in parts(truth.statement):
        if not isinstance(node, Apply) or len(node.arguments) != 1 or node.function.name in ("neg", "stop", "not"):
            continue
        name, (argument,) = node.function.name, node.arguments
        yield changed(
            truth,
            node,
            argument,
            "missing function",
            f"{name} is missing: {shown(argument)} stands where {shown(node)} belongs",
        )
        if name in _SWAPPED:
            other = Apply(SCALARS[_SWAPPED[name]], node.arguments)
            yield changed(truth, node, other, "another function", f"{shown(other)} stands where {shown(node)} belongs")


def selections(truth: Truth) -> Iterator[Guess]:
    """A condition left out, turned round, or with another comparison."""
    for node in parts(truth.statement):
        if isinstance(node, Select):
            swapped = Select(node.condition, node.otherwise, node.then)
            yield changed(truth, node, swapped, "wrong case", "the two cases are exchanged")
            for branch in (node.then, node.otherwise):
                sentence = f"the case distinction {text(node.condition)} is missing"
                yield changed(truth, node, branch, "missing condition", sentence)
        elif isinstance(node, Bracket):
            yield changed(truth, node, ONE, "missing condition", f"the condition {text(node)} is missing")
            for other in _other_conditions(node.condition):
                sentence = f"{text(Bracket(other))} stands where {text(node)} belongs"
                yield changed(truth, node, Bracket(other), "wrong case", sentence)


def _other_conditions(condition: Expr) -> Iterator[Expr]:
    yield Apply(NOT, (condition,))
    if isinstance(condition, Apply) and condition.function in (LT, LE, EQ):
        left, right = condition.arguments
        for function in (LT, LE, EQ):
            for sides in ((left, right), (right, left)):
                other = Apply(function, sides)
                if other is not condition:
                    yield other


MISTAKES: tuple[Mistake, ...] = (
    transposed,
    selections,
    tensors,
    epsilons,
    outer_factors,
    sums,
    terms,
    factors,
    reads,
    powers,
    functions,
    extra_sums,
    wrong_axes,
    one_less,
    inside,
)
"""Every kind of mistake that is tried, the likeliest first."""

__all__ = [
    "MISTAKES",
    "Guess",
    "Mistake",
    "Truth",
    "extra_sums",
    "factors",
    "functions",
    "outer_factors",
    "powers",
    "reads",
    "selections",
    "sums",
    "tensors",
    "terms",
    "transposed",
]

"""Mistakes that are made in several places at once: a person who takes the wrong axis takes it wherever there is a sum.

What a statement reads may have been computed with such a mistake too: a softmax over the wrong axis, an ε outside the
root. Statements are true ones with what `covector.checker.mistakes` says of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import permutations

from covector.calculus.build import add, base_exponent, factors_of, is_apply, mul, power, terms_of
from covector.checker.guess import Guess, Mistake, Truth, changed, parts, reread, shown
from covector.ir import (
    Affine,
    Apply,
    Compute,
    Expr,
    Index,
    Literal,
    Read,
    Reduce,
    as_affine,
    children,
    rebuild,
    substitute,
    transform,
    walk,
)
from covector.ir.affine import free
from covector.notation.print import text

_SMALL = Fraction(1, 50)
_HALF = Fraction(1, 2)


def wrong_axes(truth: Truth) -> Iterator[Guess]:
    """A reduction over another axis: one of them, then all of them."""
    for node in parts(truth.statement):
        if not isinstance(node, Reduce):
            continue
        for index in node.indices:
            for other in truth.statement.indices:
                if other in free(node.body):
                    sentence = f"the {node.operation} runs over {other.name} in the place of {index.name}"
                    yield changed(truth, node, _turned(node, index, other, other), "sum over the wrong axis", sentence)
    yield from wrong_axes_everywhere(truth)


def wrong_axes_everywhere(truth: Truth) -> Iterator[Guess]:
    """All reductions over one axis run over another, and what is divided by its extent is divided by the other's."""
    statement = truth.statement
    for kept, reduced in permutations(statement.indices, 2):
        body = _exchanged(statement.body, kept, reduced)
        if body is not statement.body:
            means = _divided_by(body, reduced.extent, kept.extent)
            sentence = f"what is reduced runs over {kept.name}, and belongs over {reduced.name}"
            for found in dict.fromkeys((means, body)):
                yield Guess(Compute("guess", statement.indices, found), "sum over the wrong axis", sentence)


def _exchanged(node: Expr, kept: Index, reduced: Index) -> Expr:
    """An expression at row ``kept`` and column ``reduced``, its reductions over columns made reductions over rows."""
    if isinstance(node, Reduce) and [i.extent for i in node.indices] == [reduced.extent] and kept in free(node.body):
        turned = _turned(node, node.indices[0], kept, reduced)
        return Reduce(turned.operation, turned.indices, _exchanged(turned.body, turned.indices[0], reduced))
    below = children(node)
    if not below or isinstance(node, Read | Affine):
        return node
    return rebuild(node, tuple(_exchanged(child, kept, reduced) for child in below))  # type: ignore[no-any-return]


def _turned(node: Reduce, index: Index, other: Index, place: Index) -> Reduce:
    """A reduction over ``other`` that was one over ``index``, whose body now stands at ``place``."""
    over = Index(f"{other.name}'", other.extent)
    body = substitute(node.body, {other: as_affine(over), index: as_affine(place)})
    return Reduce(node.operation, tuple(over if i is index else i for i in node.indices), body)


def _divided_by(body: Expr, old: Affine, new: Affine) -> Expr:
    """An expression with divisions by another extent."""

    def change(node: object) -> object:
        if isinstance(node, Apply) and is_apply(node, "pow") and node.arguments[0] is old:
            return Apply(node.function, (new, *node.arguments[1:]))
        return node

    return transform(body, change)  # type: ignore[no-any-return]


def one_less(truth: Truth) -> Iterator[Guess]:
    """A division by n - 1 in the place of n: in one product, then in all."""
    statement = truth.statement
    found: dict[Affine, list[Expr]] = {}
    for node in parts(statement):
        for factor in factors_of(node) if not isinstance(node, Reduce) else ():
            base, exponent = base_exponent(factor)
            if isinstance(base, Affine) and exponent == -1 and not free(base) and not base.is_constant:
                found.setdefault(base, []).append(node)
    for extent, nodes in found.items():
        said = f"{text(extent - 1)} stands where {text(extent)} belongs"
        for node in nodes:
            new = mul(*(_less(factor, extent) for factor in factors_of(node)))
            yield changed(truth, node, new, "wrong extent", said)
        body = _divided_by(statement.body, extent, extent - 1)
        yield Guess(Compute("guess", statement.indices, body), "wrong extent", said)


def _less(factor: Expr, extent: Affine) -> Expr:
    base, exponent = base_exponent(factor)
    return power(extent - 1, -1) if base is extent and exponent == -1 else factor


def epsilons(truth: Truth) -> Iterator[Guess]:
    """A small constant in another place, or left out: wherever the same root stands, then in one place."""
    roots: dict[Expr, list[Apply]] = {}
    for node in parts(truth.statement):
        if isinstance(node, Apply) and _root(node) is not None:
            roots.setdefault(node.arguments[0], []).append(node)
    for base, nodes in roots.items():
        small = [term for term in terms_of(base) if _is_small(term)]
        rest = add(*(term for term in terms_of(base) if not _is_small(term)))
        if not small or len(small) == len(terms_of(base)):
            continue
        belongs = f"{shown(small[0])} belongs under the root: sqrt({shown(base)})"
        missing = f"{shown(small[0])} is missing under the root"
        for places in dict.fromkeys((tuple(nodes), *((node,) for node in nodes))):
            outside = {n: power(add(power(rest, _HALF), *small), _exponent(n) / _HALF) for n in places}
            added = {n: add(power(rest, _exponent(n)), *small) for n in places}
            without = {n: power(rest, _exponent(n)) for n in places}
            yield _replaced(truth, outside, "ε in the wrong place", belongs)
            yield _replaced(truth, added, "ε in the wrong place", belongs)
            yield _replaced(truth, without, "missing ε", missing)


def _replaced(truth: Truth, new: dict[Apply, Expr], name: str, sentence: str) -> Guess:
    body = transform(truth.statement.body, lambda part: new.get(part, part))
    return Guess(Compute("guess", truth.statement.indices, body), name, sentence)


def _root(node: Expr) -> Fraction | None:
    """The exponent of a power with a half in it."""
    if is_apply(node, "sqrt"):
        return _HALF
    if is_apply(node, "rsqrt"):
        return -_HALF
    literal = node.arguments[1] if is_apply(node, "pow") else None  # type: ignore[union-attr]
    exact = literal.value if isinstance(literal, Literal) else None
    return exact if isinstance(exact, Fraction) and exact.denominator == 2 else None


def _exponent(node: Apply) -> Fraction:
    found = _root(node)
    assert found is not None
    return found


def _is_small(term: Expr) -> bool:
    if isinstance(term, Literal) and isinstance(term.value, Fraction):
        return 0 < term.value <= _SMALL
    return isinstance(term, Read) and not term.positions and term.tensor.name in ("eps", "epsilon", "ε")


INSIDE: tuple[Mistake, ...] = (wrong_axes_everywhere, epsilons, one_less)
"""What is looked for in the statements that a statement reads."""


def inside(truth: Truth) -> Iterator[Guess]:
    """What a statement reads was computed with a mistake, and the statement itself perhaps with the same."""
    statement = truth.statement
    read = dict.fromkeys(node.tensor for node in walk(statement.body) if isinstance(node, Read))
    for tensor in read:
        if not isinstance(tensor, Compute):
            continue
        for mistake in INSIDE:
            for guess in mistake(Truth(tensor, truth.tensors)):
                if guess.statement.shape != tensor.shape:
                    continue
                sentence = f"in {tensor.name}, {guess.sentence}"
                wrong = Compute(f"{tensor.name}'", guess.statement.indices, guess.statement.body, tensor.cast)
                yield Guess(reread(statement, tensor, wrong, None), guess.name, sentence)
                for other in mistake(truth):
                    if other.name == guess.name:
                        again = reread(other.statement, tensor, wrong, None)
                        yield Guess(again, guess.name, f"in {tensor.name} and here, {guess.sentence}")

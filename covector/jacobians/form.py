"""The form of a Jacobian without its numbers, and the recipe that computes the factors it stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from covector.calculus.rules import simplify
from covector.ir import (
    Affine,
    Compute,
    Expr,
    Index,
    Input,
    Opaque,
    Program,
    Read,
    Symbol,
    Tensor,
    as_affine,
    substitute,
    transform,
)
from covector.ir.node import Node
from covector.ir.tensor import program_of
from covector.ir.walk import rename_bound
from covector.jacobians.factorise import Sizes, Stored, factorised, sources
from covector.jacobians.terms import Groups, Term, collected, groups_of, joined, split
from covector.run.extents import evaluate_extent

BOUND_LETTERS = "abcdefgh"

Extents = tuple[tuple[str, int], ...]
"""The values of symbols, so that they can be looked up by."""


@dataclass(frozen=True)
class Form:
    """``J[outputs; inputs]`` as a sum of terms over stored factors F0, F1 …, which are `tensors`."""

    groups: Groups
    terms: tuple[Term, ...]
    tensors: tuple[Input, ...]
    dtype: str

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.groups, self.terms, self.tensors, self.dtype))

    @cached_property
    def shapes(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The output's shape and the input's; raises `ShapeError` where a symbol is left."""
        outputs, inputs = (
            tuple(evaluate_extent(index.extent, {}) for index in group)
            for group in (self.groups.outputs, self.groups.inputs)
        )
        return outputs, inputs

    @cached_property
    def expr(self) -> Expr:
        """The element form."""
        return joined(self.terms)


@dataclass(frozen=True, eq=False)
class Recipe:
    """A form, and the program whose inputs and outputs are its stored factors, each named in ``factors``.

    A recipe is compared by identity: `recipe` gives the same one for the same terms.
    """

    form: Form
    program: Program
    factors: tuple[Tensor, ...]


@lru_cache(maxsize=1024)
def recipe(terms: tuple[Term, ...], groups: Groups, inputs: tuple[Input, ...], dtype: str, extents: Extents) -> Recipe:
    """What is stored of a sum of terms, and how it is computed from ``inputs``."""
    stored = Stored(dtype, "f", {tensor.name for tensor in inputs})
    kept = factorised(terms, groups, Sizes(extents), stored)
    factors = sources(kept)
    own = {tensor: Input(f"F{place}", tensor.shape, tensor.dtype) for place, tensor in enumerate(factors)}
    named = tuple(_lettered(_reading(term, own)) for term in kept)
    computed = tuple(tensor for tensor in factors if isinstance(tensor, Compute | Opaque))
    return Recipe(Form(groups, named, tuple(own.values()), dtype), program_of(computed, inputs), factors)


def _reading(term: Term, own: Mapping[Tensor, Input]) -> Term:
    """A term that reads other tensors."""

    def change(node: object) -> object:
        return Read(own[node.tensor], node.positions) if isinstance(node, Read) else node

    brackets = tuple(transform(bracket, change) for bracket in term.brackets)
    return Term(term.coefficient, brackets, tuple(transform(factor, change) for factor in term.factors), term.bound)


def _lettered(term: Term) -> Term:
    """A term whose summed indices are called a, b, c …"""
    renamed = {
        old: as_affine(Index(BOUND_LETTERS[place % 8] + (str(place // 8 + 1) if place >= 8 else ""), old.extent))
        for place, old in enumerate(term.bound)
    }
    factors = tuple(substitute(factor, renamed) for factor in term.factors)
    brackets = tuple(substitute(bracket, renamed) for bracket in term.brackets)
    bound = tuple(index for position in renamed.values() if (index := position.index) is not None)
    return Term(term.coefficient, brackets, factors, bound)


@lru_cache(maxsize=1024)
def normal(expr: Expr, groups: Groups) -> tuple[Term, ...]:
    """The terms of an expression over two groups of indices, deltas eliminated."""
    parts = (part for term in split(expr, groups) for part in split(simplify(term.expr), groups))
    return collected(split(simplify(joined(collected(parts))), groups))


def relettered(expr: Expr, old: Iterable[Index], new: Iterable[Index]) -> Expr:
    """An expression with free indices replaced by others, all at once."""
    new = tuple(new)
    replaced: Mapping[Index, Affine] = {o: as_affine(n) for o, n in zip(old, new, strict=True)}
    result: Expr = substitute(rename_bound(expr, frozenset(new)), replaced)
    return result


def standard(outputs: Iterable[Index], inputs: Iterable[Index]) -> Groups:
    """Groups of the same extents in the usual letters."""
    return groups_of((index.extent for index in outputs), (index.extent for index in inputs))


def with_numbers(form: Form, extents: Extents) -> Form:
    """The form with the values of symbols in place of them."""
    return _with_numbers(form, extents) if extents else form


@lru_cache(maxsize=1024)
def _with_numbers(form: Form, extents: Extents) -> Form:
    sizes = dict(extents)
    indices = {*form.groups.all, *(index for term in form.terms for index in term.bound)}
    fixed = {index: Index(index.name, as_affine(evaluate_extent(index.extent, sizes))) for index in indices}
    tensors: dict[Tensor, Input] = {
        t: Input(t.name, tuple(as_affine(evaluate_extent(e, sizes)) for e in t.shape), t.dtype) for t in form.tensors
    }
    replaced: dict[Node, Affine] = {old: as_affine(new) for old, new in fixed.items()}
    replaced |= {Symbol(name): as_affine(size) for name, size in sizes.items()}

    def change(node: object) -> object:
        if isinstance(node, Read):
            return Read(tensors[node.tensor], node.positions)
        return replaced.get(node, node) if isinstance(node, (Index, Symbol)) else node

    groups = Groups(tuple(fixed[i] for i in form.groups.outputs), tuple(fixed[i] for i in form.groups.inputs))
    terms = tuple(
        Term(
            term.coefficient,
            tuple(transform(bracket, change) for bracket in term.brackets),
            tuple(transform(factor, change) for factor in term.factors),
            tuple(fixed[index] for index in term.bound),
        )
        for term in form.terms
    )
    known = collected(t for term in terms for t in normal(term.expr, groups))
    return Form(groups, known, tuple(tensors.values()), form.dtype)

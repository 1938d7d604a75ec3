"""The programs that compute with a Jacobian's form: products, the diagonal, the dense array; and forms from forms.

Each is derived once: the deltas of the form are eliminated against the sum that the operation takes, so that a diagonal
multiplies element by element and nothing of the size of the dense array is formed that was not asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from covector.calculus.build import add, mul, total
from covector.calculus.rules import simplify
from covector.ir import Affine, Compute, Expr, Index, Input, Program, Read, Symbol, Tensor, as_affine, transform
from covector.ir.tensor import program_of
from covector.ir.walk import unshadowed
from covector.jacobians.form import Form, Recipe, normal, recipe, relettered, standard
from covector.jacobians.support import support
from covector.jacobians.terms import Groups, Term, collected, placed

VECTOR = "V"
"""What a program calls the array that a Jacobian is multiplied with."""


@lru_cache(maxsize=1024)
def application(form: Form, trailing: int) -> Program:
    """``(J @ V)[outputs, t] = Σ_inputs J[outputs; inputs] · V[inputs, t]`` with some axes t that are carried along."""
    extra = tuple(Index(f"c{place}", as_affine(Symbol(f"C{place}"))) for place in range(trailing))
    inputs = form.groups.inputs
    vector = Input(VECTOR, tuple(index.extent for index in (*inputs, *extra)), form.dtype)
    read = Read(vector, tuple(map(as_affine, (*inputs, *extra))))
    products = (simplify(total(inputs, mul(term.expr, read))) for term in form.terms)
    return _program(form, add(*products), (*form.groups.outputs, *extra), (vector,))


@lru_cache(maxsize=1024)
def dense(form: Form) -> Program:
    """The dense array ``J[outputs; inputs]``."""
    return _program(form, form.expr, form.groups.all)


@lru_cache(maxsize=1024)
def whole_factor(form: Form) -> str | None:
    """The name of the stored factor that is the dense array already, or None."""
    if len(form.terms) != 1:
        return None
    (term,) = form.terms
    here = tuple(map(as_affine, form.groups.all))
    plain = term.coefficient == 1 and not term.brackets and not term.bound and len(term.factors) == 1
    (factor,) = term.factors if plain else (None,)
    return factor.tensor.name if isinstance(factor, Read) and factor.positions == here else None


@lru_cache(maxsize=1024)
def diagonal(form: Form) -> Program:
    """``J[outputs; outputs]``, of a form whose two groups have equal extents."""
    here = map(as_affine, form.groups.outputs)
    return _program(form, simplify(placed(form.expr, form.groups.inputs, here)), form.groups.outputs)


def _program(form: Form, body: Expr, indices: tuple[Index, ...], more: tuple[Input, ...] = ()) -> Program:
    result = Compute("result", indices, unshadowed(body, indices), form.dtype)
    return program_of((result,), (*form.tensors, *more))


@lru_cache(maxsize=1024)
def transposed(form: Form) -> Form:
    """The form with its two groups exchanged."""
    groups = standard(form.groups.inputs, form.groups.outputs)
    old = (*form.groups.outputs, *form.groups.inputs)
    new = (*groups.inputs, *groups.outputs)
    terms = tuple(t for term in form.terms for t in normal(relettered(term.expr, old, new), groups))
    return Form(groups, terms, form.tensors, form.dtype)


@lru_cache(maxsize=1024)
def composed(first: Form, second: Form) -> Recipe:
    """``Σ_m first[outputs; m] · second[m; inputs]``; the second's factors are called G0, G1 … in the program."""
    middle = tuple(Index(f"m{place}", index.extent) for place, index in enumerate(first.groups.inputs))
    groups = standard(first.groups.outputs, second.groups.inputs)
    other = beside(second, "G")
    left = (*first.groups.outputs, *first.groups.inputs), (*groups.outputs, *middle)
    right = (*second.groups.outputs, *second.groups.inputs), (*middle, *groups.inputs)
    products = (
        normal(simplify(total(middle, mul(relettered(one.expr, *left), relettered(two.expr, *right)))), groups)
        for one in first.terms
        for two in other.terms
    )
    terms = collected(term for product in products for term in product)
    return recipe(terms, groups, (*first.tensors, *other.tensors), first.dtype, ())


@lru_cache(maxsize=1024)
def added(first: Form, second: Form) -> Recipe:
    """The sum of two forms over groups of equal extents; the second's factors are called G0, G1 … in the program."""
    other = beside(second, "G")
    moved = (relettered(term.expr, other.groups.all, first.groups.all) for term in other.terms)
    terms = collected((*first.terms, *(term for expr in moved for term in normal(expr, first.groups))))
    return recipe(terms, first.groups, (*first.tensors, *other.tensors), first.dtype, ())


def beside(form: Form, prefix: str) -> Form:
    """The same form with its stored factors called by another letter."""
    own: dict[Tensor, Input] = {
        tensor: Input(f"{prefix}{place}", tensor.shape, tensor.dtype) for place, tensor in enumerate(form.tensors)
    }

    def change(node: object) -> object:
        return Read(own[node.tensor], node.positions) if isinstance(node, Read) else node

    def moved(term: Term) -> Term:
        brackets = tuple(transform(bracket, change) for bracket in term.brackets)
        return Term(term.coefficient, brackets, tuple(transform(f, change) for f in term.factors), term.bound)

    return Form(form.groups, tuple(map(moved, form.terms)), tuple(own.values()), form.dtype)


def restricted(form: Form, positions: Iterable[Affine], kept: Groups) -> Recipe:
    """The form at positions that are given for all of its indices, over the indices that are left."""
    groups = standard(kept.outputs, kept.inputs)
    there = tuple(relettered(position, kept.all, groups.all) for position in positions)
    names = tuple(Index(f"o{place}", index.extent) for place, index in enumerate(form.groups.all))
    terms = []
    for term in form.terms:
        apart = relettered(term.expr, form.groups.all, names)
        terms.append(normal(placed(apart, names, there), groups))  # type: ignore[arg-type]
    return recipe(collected(t for found in terms for t in found), groups, form.tensors, form.dtype, ())


@lru_cache(maxsize=1024)
def scattered(form: Form, term: Term, order: tuple[tuple[int, ...], tuple[int, ...]]) -> Program:
    """The row, the column and the value of every element of a term that may be other than zero.

    ``order`` are the extents of both groups as numbers; rows and columns are numbered as C-contiguous arrays are.
    """
    found = support(term, form.groups)
    rows, columns = (_flat(p, sizes) for p, sizes in zip((found.rows, found.columns), order, strict=True))
    value = mul(*found.factors) if found.factors else as_affine(1)
    body = simplify(Term(found.coefficient, (), (*found.guards, value), found.bound).expr)
    outputs = (
        Compute("rows", found.over, rows, "int64"),
        Compute("columns", found.over, columns, "int64"),
        Compute("kept", found.over, mul(*found.guards), "int64"),
        Compute("values", found.over, unshadowed(body, found.over), form.dtype),
    )
    return program_of(outputs, form.tensors)


def _flat(positions: tuple[Affine, ...], sizes: tuple[int, ...]) -> Affine:
    """The number of an element in C order."""
    number = as_affine(0)
    for position, size in zip(positions, sizes, strict=True):
        number = number * size + position
    return number

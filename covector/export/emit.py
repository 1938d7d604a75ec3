"""Expressions as source: arithmetic, functions, conditions, reductions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from covector.export.arithmetic import Arithmetic, above_and_below
from covector.export.code import ADD, ATOM, COMPARE, MUL, OR, POWER, Code, Part
from covector.export.fraction import Product, needed_brackets, product_of, without_deltas
from covector.export.reads import GATHER, TAKE, Reader
from covector.export.scatter import SCATTER, Scatter, find_scatter
from covector.export.sums import Summer
from covector.export.values import Layout, Value, natural, promoted
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Expr,
    Floor,
    Index,
    Literal,
    Mod,
    Read,
    Reduce,
    ScalarFunction,
    Select,
    Symbol,
    Tensor,
    as_affine,
)
from covector.ir.affine import free
from covector.ir.node import Node
from covector.ops import SCALARS

_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<="}
_FLIPPED = {"==": "==", "!=": "!=", "<": ">", "<=": ">="}
_INLINE = {"relu": ("np.maximum(", ", 0)"), "softplus": ("np.logaddexp(", ", 0)")}
_NAMES = {"abs": "np.abs"}
_HINTS = {"exp": "e"}
_HELPERS = {"take": TAKE, "gather": GATHER, "scatter_sum": SCATTER}


class Emitter:
    """Translates the expressions of one function; ``helpers`` collects the source of what it calls."""

    def __init__(
        self,
        code: Code,
        symbols: Mapping[str, str],
        tensors: Mapping[Tensor, str],
        trusted: set[tuple[Tensor, Affine]],
    ) -> None:
        self.code, self.tensors, self.trusted = code, tensors, trusted
        self.layout = Layout(code, symbols)
        self.reader = Reader(self.layout, self.integer, self.helper)
        self.arithmetic = Arithmetic(self.layout)
        self.sums = Summer(self.layout)
        self.helpers: dict[str, str] = {}
        self.memo: dict[tuple[Node, bool], Value] = {}

    def helper(self, name: str, source: str = "") -> str:
        """The name of a function that is written above the one that calls it."""
        self.helpers.setdefault(name, (source or _HELPERS[name]).strip())
        return name

    def value(self, expr: Expr, guarded: bool = False) -> Value:
        """The value of an expression; ``guarded`` where it does not count everywhere."""
        key = (expr, guarded)
        if key not in self.memo:
            self.memo[key] = self._value(expr, guarded)
        return self.memo[key]

    def _value(self, expr: Expr, guarded: bool) -> Value:
        if isinstance(expr, Literal):
            return self.literal(expr)
        if isinstance(expr, Affine):
            return self.integer(expr)
        if isinstance(expr, Read):
            return self.reader.read(expr, self.tensors[expr.tensor], guarded)
        if isinstance(expr, Reduce):
            return self.reduce(expr, guarded)
        if isinstance(expr, Bracket):
            condition = self.value(expr.condition, guarded)
            return condition if condition.kind == "flag" else Value(condition.term, condition.axes, "mask")
        if isinstance(expr, Select):
            condition = self.value(expr.condition, guarded)
            branches = [self.layout.countable(self.value(branch, True)) for branch in (expr.then, expr.otherwise)]
            return self.layout.where(condition, branches[0], branches[1])
        return self.apply(expr, guarded)

    def literal(self, expr: Literal) -> Value:
        """A number."""
        if isinstance(expr.value, bool):
            return Value(self.code.atom(str(expr.value)), (), "flag")
        if isinstance(expr.value, Fraction) and expr.value.denominator == 1:
            return self.layout.number(int(expr.value))
        return self.layout.number(float(expr.value))

    def apply(self, expr: Apply, guarded: bool) -> Value:
        """A scalar function of expressions."""
        name = expr.function.name
        if name in ("mul", "div", "neg", "pow", "sqrt", "rsqrt", "stop"):
            product = product_of(expr)
            if not (len(product.tops) == 1 and product.tops[0][0] is expr):
                return self.product(product, guarded)
        if name in ("add", "sub"):
            return self.sum(self.terms(expr), guarded)
        if name in _COMPARISONS:
            return self.comparison(_COMPARISONS[name], expr.arguments, guarded)
        arguments = [self.value(argument, guarded) for argument in expr.arguments]
        if name == "and":
            return self.layout.conjunction(arguments)
        if name == "or":
            return self.layout.joined(arguments, "|", OR, "bool", hint="mask")
        if name == "not":
            return self.layout.call("np.logical_not", arguments, "bool", hint="mask")
        return self.function(expr.function, [self.layout.countable(argument) for argument in arguments])

    def function(self, function: ScalarFunction, arguments: Sequence[Value]) -> Value:
        """A function by NumPy's name, or one whose source is copied."""
        if function.name == "pi":
            return Value(self.code.atom("np.pi"), (), "float")
        if function.name == "pow":
            return self.general_power(*arguments)
        kind = promoted(argument.kind for argument in arguments)
        if function.result == "float" and not kind.startswith("float"):
            kind = "float64"
        kind = natural(kind)
        before, after = _INLINE.get(function.name, ("", ")"))
        numeric = function.numeric
        if not before and isinstance(numeric, np.ufunc):
            before = _NAMES.get(function.name, f"np.{numeric.__name__}") + "("
        elif not before:
            before = self.helper(numeric.__name__, inspect.getsource(numeric)) + "("
            kind = "float64" if function.name in ("erf", "erfc") else kind
        found = self.layout.call(before[:-1], arguments, kind, hint=_HINTS.get(function.name, "t"))
        if after != ")":
            found = Value(self.code.term(ATOM, *found.term.parts[:-1], after), found.axes, kind)
        return self.arithmetic.weakened(found) if all(argument.is_weak for argument in arguments) else found

    def general_power(self, base: Value, exponent: Value) -> Value:
        """A power whose exponent is no plain number."""
        kind = promoted((base.kind, exponent.kind))
        if not kind.startswith("float"):
            name = self.helper("power", inspect.getsource(_power()))
            found = self.layout.call(name, (base, exponent), "float64")
            return self.arithmetic.weakened(found) if base.is_weak and exponent.is_weak else found
        axes = self.layout.union((base, exponent))
        bottom, top = self.layout.aligned(base, axes), self.layout.aligned(exponent, axes)
        return Value(self.code.term(POWER, (bottom, ATOM), "**", (top, ATOM)), axes, kind)

    def power(self, base: Expr, exponent: Fraction, guarded: bool) -> Value:
        """An expression to an exact positive power."""
        value = self.layout.countable(self.value(base, guarded))
        if exponent == 1:
            return value
        if exponent == Fraction(1, 2) and not _is_positive(base):
            kind = value.kind if value.kind.startswith("float") else "float64"
            root = self.layout.call("np.sqrt", [value], kind)
            return self.arithmetic.weakened(root) if value.is_weak else root
        if exponent.denominator == 1:
            number, kind = str(exponent.numerator), value.kind
        else:
            number, kind = repr(float(exponent)), "float" if value.is_weak else promoted((value.kind, "float"))
        term = self.code.term(POWER, (value.term, ATOM), "**", number, cheap=value.is_weak)
        return Value(term, value.axes, kind)

    def product(self, product: Product, guarded: bool) -> Value:
        """A product; a strong zero where a bracket does not hold."""
        needed = needed_brackets(product) if len(product.tops) == 1 and not product.bottoms else product.brackets
        masks = [self.value(bracket, guarded) for bracket in needed]
        inner = guarded or bool(product.brackets)
        tops = [self.power(base, exponent, inner) for base, exponent in product.tops]
        bottoms = [self.power(base, exponent, inner) for base, exponent in product.bottoms]
        if not masks:
            return self.arithmetic.fraction(product.number, tops, bottoms)
        mask = self.layout.conjunction(masks)
        if not tops and not bottoms and product.number == 1:
            return mask
        if all(value.is_weak for value in (*tops, *bottoms)):
            above, below = above_and_below(product.number)
            counted = self.layout.where(
                mask, self.arithmetic.fraction(Fraction(above), tops, []), self.layout.number(0)
            )
            return self.arithmetic.fraction(Fraction(1, below), [counted], bottoms)
        then = self.arithmetic.fraction(product.number, tops, bottoms)
        return self.layout.where(mask, then, self.layout.number(0))

    def terms(self, expr: Expr, sign: int = 1) -> list[tuple[int, Expr]]:
        """The terms of a sum or a difference with their signs."""
        if isinstance(expr, Apply) and expr.function.name in ("add", "sub"):
            last = -sign if expr.function.name == "sub" else sign
            signs = [sign] * (len(expr.arguments) - 1) + [last]
            pairs = zip(signs, expr.arguments, strict=True)
            return [term for each, argument in pairs for term in self.terms(argument, each)]
        return [(sign, expr)]

    def sum(self, terms: Sequence[tuple[int, Expr]], guarded: bool) -> Value:
        """A sum of terms with signs; it starts with one that is not negative, where there is one."""
        signed: list[tuple[int, Value]] = []
        for sign, expr in terms:
            product = product_of(expr)
            if product.number < 0:
                product.number, sign = -product.number, -sign
                signed.append((sign, self.product(product, guarded)))
            else:
                signed.append((sign, self.value(expr, guarded)))
        if sum(value.kind in ("mask", "flag") for _, value in signed) > 1 or signed[0][0] < 0:
            signed = [(sign, self.layout.countable(value)) for sign, value in signed]
        if signed[0][1].kind in ("mask", "flag") and any(sign < 0 for sign, _ in signed):
            signed[0] = (signed[0][0], self.layout.countable(signed[0][1]))
        signed.sort(key=lambda pair: pair[0] < 0)
        if signed[0][0] < 0:
            signed[0] = (1, self.layout.negative(self.layout.countable(signed[0][1])))
        kind = promoted(value.kind for _, value in signed)
        kind = "int64" if kind == "mask" else kind
        return self.layout.joined(
            [value for _, value in signed], ["+" if sign > 0 else "-" for sign, _ in signed[1:]], ADD, kind
        )

    def comparison(self, operator: str, arguments: Sequence[Expr], guarded: bool) -> Value:
        """A comparison; of integer expressions, with every term on the side where it is positive."""
        left, right = arguments
        if isinstance(left, Affine) and isinstance(right, Affine):
            form = left - right
            above = Affine(tuple((m, c) for m, c in form.terms if c > 0), max(form.constant, 0))
            below = above - form
            left, right = above, below
        if not free(left) and free(right):
            left, right, operator = right, left, _FLIPPED[operator]
        values = [self.layout.countable(self.value(side, guarded)) for side in (left, right)]
        kind = "flag" if all(value.is_weak for value in values) else "bool"
        return self.layout.joined(values, [operator], COMPARE, kind, hint="mask")

    def integer(self, form: Affine) -> Value:
        """The value of an integer expression."""
        plain = self.layout.integer(form)
        if plain is not None:
            return plain
        pieces: list[tuple[bool, Value]] = []
        for monomial, coefficient in sorted(form.terms, key=lambda term: term[1] < 0):
            number = [self.layout.number(abs(coefficient))] if abs(coefficient) != 1 else []
            factors = [*number, *(self.atom(atom) for atom in monomial)]
            kind = promoted(factor.kind for factor in factors)
            pieces.append((coefficient < 0, self.layout.joined(factors, "*", MUL, kind)))
        if form.constant:
            pieces.append((form.constant < 0, self.layout.number(abs(form.constant))))
        if pieces[0][0]:
            pieces.sort(key=lambda piece: piece[0])
        if pieces[0][0]:
            pieces[0] = (False, self.layout.negative(pieces[0][1]))
        signs = ["-" if negative else "+" for negative, _ in pieces[1:]]
        return self.layout.joined([value for _, value in pieces], signs, ADD, "int64", hint="at")

    def atom(self, atom: Node) -> Value:
        """The value of an atom of an integer expression."""
        if isinstance(atom, Index):
            extent = (self.layout.extent(atom.extent) or ("", ATOM))[0]
            return Value(self.code.term(ATOM, f"np.arange({extent})", hint=atom.name), (atom,), "int64")
        if isinstance(atom, Symbol):
            return self.integer(as_affine(atom))
        if isinstance(atom, (Floor, Mod)):
            parts = [self.integer(atom.numerator), self.integer(atom.denominator)]
            return self.layout.joined(parts, ["//" if isinstance(atom, Floor) else "%"], MUL, "int64", hint="at")
        assert isinstance(atom, Read)
        return self.value(atom, True)

    def reduce(self, expr: Reduce, guarded: bool) -> Value:
        """A reduction over indices."""
        self.layout.scope(expr.indices)
        if expr.operation == "sum":
            return self.total(expr.indices, expr.body, guarded)
        body = self.layout.countable(self.value(expr.body, guarded))
        missing = [index for index in expr.indices if index not in body.axes]
        if missing:
            rest = [index for index in expr.indices if index in body.axes]
            order = self.layout.sorted({*body.axes, *missing})
            body = self.layout.broadcast(body, order) if rest or expr.operation else body
        return self.layout.method(body, expr.operation, expr.indices, body.kind, hint="m")

    def total(self, indices: tuple[Index, ...], body: Expr, guarded: bool) -> Value:
        """A sum over indices: of sums of contractions term by term, otherwise as a product."""
        while isinstance(body, Reduce) and body.operation == "sum" and not set(body.indices) & set(indices):
            indices, body = (*indices, *body.indices), body.body
            self.layout.scope(indices)
        indices, body = without_deltas(indices, body)
        if not indices:
            return self.value(body, guarded)
        terms = self.terms(body)
        if len(terms) > 1 and any(self.is_wide(term, guarded) for _, term in terms):
            parts = [(sign, self.total(indices, term, guarded)) for sign, term in terms]
            parts.sort(key=lambda part: part[0] < 0)
            if parts[0][0] > 0:
                signs = ["+" if sign > 0 else "-" for sign, _ in parts[1:]]
                kind = promoted(value.kind for _, value in parts)
                return self.layout.joined([value for _, value in parts], signs, ADD, kind)
        return self.total_of_product(indices, product_of(body), guarded)

    def is_wide(self, term: Expr, guarded: bool) -> bool:
        """Whether the grid of a product is larger than that of each of its factors."""
        factors = [self.power(base, Fraction(1), guarded) for base, _ in product_of(term).tops]
        every = {axis for factor in factors for axis in factor.axes}
        return bool(factors) and all(set(factor.axes) < every for factor in factors)

    def total_of_product(self, indices: tuple[Index, ...], product: Product, guarded: bool) -> Value:
        """A sum of a product: scattered, contracted, or over the grid."""
        scatter = find_scatter(indices, product, self.trusted)
        if scatter is not None:
            return self.scattered(scatter, product, guarded)
        masks = [self.value(bracket, guarded) for bracket in needed_brackets(product)]
        inner = guarded or bool(product.brackets)
        tops = [self.layout.countable(self.power(base, exponent, inner)) for base, exponent in product.tops]
        bottoms = [self.power(base, exponent, inner) for base, exponent in product.bottoms]
        number = Fraction(1) if masks and not tops and not bottoms else product.number
        result = self.sums.total(indices, tops, bottoms, masks, self.arithmetic.fraction)
        if product.number == 1:
            return result
        if number != product.number:
            result = self.layout.countable(result)
        return self.arithmetic.fraction(product.number, [result], [])

    def scattered(self, scatter: Scatter, product: Product, guarded: bool) -> Value:
        """A sum whose brackets say where each term goes."""
        rest = Product(product.number, product.tops, product.bottoms, list(scatter.brackets))
        value = self.total_of_product(scatter.summed, rest, True) if scatter.summed else self.product(rest, True)
        value = self.layout.countable(value)
        at = [self.integer(position) for _, position in scatter.places]
        grid = self.layout.union(at)
        others = tuple(axis for axis in value.axes if axis not in grid)
        arrays: list[Part] = []
        for place, position in enumerate(at):
            arrays += [", "] if place else []
            arrays.append((self.layout.aligned(position, grid), 0))
        values = self.layout.aligned(value, (*grid, *others))
        extents = [index.extent for index, _ in scatter.places] + [index.extent for index in others]
        axes = (*(index for index, _ in scatter.places), *others)
        kind = natural(value.kind)
        shape = self.layout.shape(extents)
        if not scatter.inside:
            head, tail = f"{self.helper('scatter_sum')}({shape}, (", ",), " if len(at) == 1 else "), "
            call = self.code.term(ATOM, head, *arrays, tail, (values, 0), ")", hint="total")
            return Value(call, axes, kind)
        dtype: list[Part] = [value.kind] if value.is_weak else [(value.term, ATOM), ".dtype"]
        zeros: list[Part] = ["", f" = np.zeros({shape}, dtype=", *dtype, ")\n"]
        ends = ("", "") if len(at) == 1 else ("(", ")")
        add: list[Part] = ["np.add.at(", "", f", {ends[0]}", *arrays, f"{ends[1]}, ", (values, 0), ")"]
        return Value(self.code.term(ATOM, *zeros, *add, hint="total", block=True), axes, kind)


def _power() -> Callable[..., object]:
    return SCALARS["pow"].numeric


def _is_positive(expr: Expr) -> bool:
    """Whether an expression is a number or an extent, and plainly not negative."""
    if isinstance(expr, Literal):
        return expr.value >= 0
    if isinstance(expr, Affine):
        return not free(expr) and expr.constant >= 0 and all(coefficient > 0 for _, coefficient in expr.terms)
    if not isinstance(expr, Apply) or expr.function.name not in ("pi", "mul", "div"):
        return False
    return all(_is_positive(argument) for argument in expr.arguments)

"""From an element expression to a matrix expression whose axes are the wanted indices."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import partial

from covector.calculus.build import base_exponent, delta_form
from covector.ir import Affine, Apply, Bracket, Expr, Index, Literal, Read, Reduce, Select, as_affine, substitute
from covector.ir.affine import free
from covector.matrix import tree
from covector.matrix.factors import Factors, count, factors_in, opened, with_means
from covector.matrix.patterns import one_hot_parts, pairwise_distances, recognise_operation, triangle_parts
from covector.matrix.plan import Leaf, Plan, Total, elementwise, leaf, plans
from covector.matrix.reads import einsum, ones, read
from covector.matrix.render import Renderer, best, cut, product
from covector.matrix.terms import signed_terms
from covector.matrix.tree import (
    Axes,
    Call,
    Extent,
    Name,
    Node,
    NoForm,
    Number,
    Power,
    Sum,
    arrange,
    broadcast,
    restrict,
    sizes,
)
from covector.notation.styles import decimal

_LOGIC = ("eq", "ne", "lt", "le", "and", "or", "not")
_MOST_FACTORS = 7


class Translator:
    """Element expressions of one statement as matrix expressions, each made once for each order of its axes."""

    def __init__(self) -> None:
        self.render = Renderer(self.value)
        self.memo: dict[tuple[Expr, Axes], Node | None] = {}

    def value(self, expr: Expr, axes: Axes) -> Node:
        """The matrix expression, with axes that broadcast to the wanted ones; raises `NoForm` where there is none."""
        axes = restrict(axes, free(expr))
        key = (expr, axes)
        if key not in self.memo:
            self.render.spend()
            try:
                self.memo[key] = best([partial(self._value, expr, axes), partial(self.flipped, expr, axes)])
            except NoForm:
                self.memo[key] = None
        found = self.memo[key]
        if found is None:
            raise NoForm
        return found

    def flipped(self, expr: Expr, axes: Axes) -> Node:
        """``(a * b).T``, which may be shorter than ``a.T * b.T``."""
        if not isinstance(expr, (Apply, Select)) or len(axes) != 2 or None in axes:
            raise NoForm
        return tree.flipped(self._value(expr, axes[::-1]), axes)

    def _value(self, expr: Expr, axes: Axes) -> Node:
        if isinstance(expr, Literal):
            return Number((), expr.value)
        if isinstance(expr, Affine):
            return self.integer(expr, axes)
        if isinstance(expr, Read):
            return read(expr, axes)
        found = recognise_operation(expr)
        if found is not None:
            return self.operation(*found, axes)
        if isinstance(expr, Reduce):
            return self.reduce(expr, axes)
        if isinstance(expr, Bracket):
            return self.bracket(expr, axes)
        if isinstance(expr, Select):
            parts = [self.value(part, axes) for part in (expr.condition, expr.then, expr.otherwise)]
            return Call(broadcast([part.axes for part in parts]), "select", tuple(parts))
        return self.apply(expr, axes)

    def integer(self, form: Affine, axes: Axes) -> Node:
        """An extent as a value, or a read of integers; an index has no matrix expression."""
        if isinstance(form.atom, Read):
            return self.value(form.atom, axes)
        if form.is_constant:
            return Number((), Fraction(form.constant))
        if free(form):
            raise NoForm
        return Extent((), form)

    def operation(self, name: str, argument: Expr, over: Index, kept: Index | None, axes: Axes) -> Node:
        """An operation of the table along one axis; where that axis goes, it is put where the result wants a gap."""
        if kept is not None:
            inner = self.value(argument, axes)
            if kept not in inner.axes:
                raise NoForm
            place = inner.axes.index(kept)
            return Call(inner.axes, name, (inner,), () if _is_vector(inner) else (("axis", place),))
        order = tuple(index for index in axes if index is not None)
        inner = self.value(argument, (*order, over))
        result = Call(inner.axes[:-1], name, (inner,), () if _is_vector(inner) else (("axis", len(inner.axes) - 1),))
        return arrange(result, axes)

    def bracket(self, expr: Bracket, axes: Axes) -> Node:
        """A condition on values as 0 or 1, or ids as rows with a 1 in the place of each."""
        found = one_hot_parts(expr)
        if found is None and delta_form(expr) is not None:
            return eye(expr, axes)
        if found is None:
            condition = self.value(expr.condition, axes)
            return tree.Bracket(condition.axes, condition)
        classes, ids = found
        rows = tuple(position.index for position in ids.positions)
        if None in rows or len(set(rows)) < len(rows):
            raise NoForm
        node = Call((*rows, classes), "one_hot", (Name(rows, ids.tensor.name),), (("classes", classes.extent),))
        return arrange(node, axes)

    def apply(self, expr: Apply, axes: Axes) -> Node:
        """A scalar function, element by element."""
        name = expr.function.name
        if name in ("add", "sub", "neg"):
            return self.sum(expr, axes)
        if name in ("mul", "div"):
            return self.product(factors_in(expr), (), axes)
        base, exponent = base_exponent(expr)
        if name == "pow" and exponent < 0:
            return self.product(factors_in(expr), (), axes)
        if name == "sqrt" or (name == "pow" and exponent == Fraction(1, 2)):
            return _root(self.value(base if name == "pow" else expr.arguments[0], axes))
        triangle = triangle_parts(expr)
        if triangle is not None:
            return cut(self.value(ones(triangle[:2]), axes), *triangle)
        parts = tuple(self.value(argument, axes) for argument in expr.arguments)
        own = broadcast([part.axes for part in parts])
        if not parts:
            return Number((), name)
        if name == "pow":
            return Power(own, parts[0], parts[1])
        return tree.Logic(own, name, parts) if name in _LOGIC else Call(own, name, parts)

    def sum(self, expr: Apply, axes: Axes) -> Node:
        """Terms with their signs, those of sums in it too."""
        terms = [self.term(sign, term, axes) for sign, term in signed_terms(expr)]
        return Sum(broadcast([term.axes for _, term in terms]), tuple(_product_first(terms)))

    def term(self, sign: int, expr: Expr, axes: Axes) -> tuple[int, Node]:
        """A term and its sign, which its number may turn."""
        found = factors_in(expr) if isinstance(expr, Apply) else Factors(tops=[expr])
        if found.number < 0:
            found.number, sign = -found.number, -sign
            return sign, self.product(found, (), axes)
        return sign, self.value(expr, axes)

    def reduce(self, expr: Reduce, axes: Axes) -> Node:
        """A reduction: of a sum of products the products as matrices."""
        if expr.operation not in ("sum", "mean"):
            total = Total(expr.operation, leaf(expr.body), expr.indices, free(expr))
            if not set(expr.indices) <= free(expr.body):
                raise NoForm
            return self.render(total, axes)
        if expr.operation == "mean":
            return self.mean(expr, axes)
        distances = pairwise_distances(expr)
        if distances is not None:
            return self.distances(*distances, axes)
        flat, own = opened(expr), (expr.indices, factors_in(expr.body))
        candidates = [flat] if len(flat[0]) == len(own[0]) else [flat, own]
        found = best([partial(self.product, found, over, axes) for over, found in candidates])
        if not _expands(found):
            return found
        split = (partial(self.split, factors, over, axes) for over, factors in candidates)
        return best([lambda: found, *split])

    def distances(self, left: tuple[Expr, Index], right: tuple[Expr, Index], over: Index, axes: Axes) -> Node:
        """The squared distance of every row of one matrix to every row of another."""
        rows = (left[1], right[1])
        arrays = (self.value(left[0], (left[1], over)), self.value(right[0], (right[1], over)))
        if any(len(array.axes) != 2 for array in arrays):
            raise NoForm
        if restrict(axes, rows) == rows[::-1]:
            rows, arrays = rows[::-1], arrays[::-1]
        return arrange(Call(rows, "pairwise_squared_distances", arrays), restrict(axes, rows))

    def split(self, found: Factors, over: Sequence[Index], axes: Axes) -> Node:
        """A sum of products whose factor is a sum, as a sum for each of its terms."""
        for top in found.tops:
            if len(signed_terms(top)) > 1:
                return self.distributed(found, top, over, axes)
        raise NoForm

    def mean(self, expr: Reduce, axes: Axes) -> Node:
        """A sum over some axes divided by their size; other sums are divided by how many terms they have."""
        return best([partial(self.plain_mean, expr, axes), partial(self.divided, expr, axes)])

    def divided(self, expr: Reduce, axes: Axes) -> Node:
        """A sum divided by how many terms it has; of a plain sum the mean."""
        total = self.value(Reduce("sum", expr.indices, expr.body), axes)
        if isinstance(total, Call) and total.function == "sum" and len(total.arguments[0].axes) >= len(expr.indices):
            bodies = set(total.arguments[0].axes) - set(total.axes)
            if bodies == set(expr.indices):
                return Call(total.axes, "mean", total.arguments, total.keywords)
        return product([total, tree.Product((), (), (Extent((), count(expr.indices)),))])

    def plain_mean(self, expr: Reduce, axes: Axes) -> Node:
        """The mean of a product element by element, where one of its factors has all the indices."""
        found = factors_in(expr.body)
        factors = _leaves(found.tops, found.bottoms)
        if found.number != 1 or not factors:
            raise NoForm
        body = elementwise(factors)
        if not any(factor.indices == body.indices for factor in factors) or not set(expr.indices) <= body.indices:
            raise NoForm
        return self.render(Total("mean", body, expr.indices, body.indices - set(expr.indices)), axes)

    def product(self, found: Factors, over: Sequence[Index], axes: Axes) -> Node:
        """``Σ_over number · Π tops / Π bottoms``."""
        if not over:
            found = with_means(found)
        for top in found.tops:
            terms = signed_terms(top)
            if len(terms) > 1 and any(_has_delta(term) for _, term in terms):
                return self.distributed(found, top, over, axes)
        negative = found.number < 0
        number = abs(found.number)
        scalars, divisors = found.scalars()
        tops, bottoms = found.arrays()
        parts: list[Node] = [self.value(part, ()) for part in scalars]
        below: list[Node] = [self.value(part, ()) for part in divisors]
        above, denominator = _split(number)
        if above != 1:
            parts.insert(0, Number((), above))
        if denominator != 1:
            below.insert(0, Number((), Fraction(denominator)))
        if tops or bottoms:
            parts.append(self.contraction(tops, bottoms, over, axes))
        elif over:
            raise NoForm
        result = product([*parts, *(tree.Product((), (), (part,)) for part in below)])
        return Sum(result.axes, ((-1, result),)) if negative else result

    def distributed(self, found: Factors, top: Expr, over: Sequence[Index], axes: Axes) -> Node:
        """A product whose factor ``top`` is a sum that holds a delta, multiplied out."""
        terms = []
        for sign, term in signed_terms(top):
            own, rest = factors_in(term), [other for other in found.tops if other is not top]
            part = Factors(found.number * own.number, [*rest, *own.tops], [*found.bottoms, *own.bottoms])
            terms.append((sign, self.product(part, over, axes)))
        return Sum(broadcast([term.axes for _, term in terms]), tuple(terms))

    def contraction(self, tops: Sequence[Expr], bottoms: Sequence[Expr], over: Sequence[Index], axes: Axes) -> Node:
        """A product of arrays, summed over some of their indices."""
        if any(delta_form(top) is not None and one_hot_parts(top) is None for top in tops):
            return best([partial(way, tops, bottoms, over, axes) for way in (self.diagonal, self.masked)])
        if over and any(_cuts_nothing(top, (*tops, *bottoms)) for top in tops):
            raise NoForm
        return self.multiplied(tops, bottoms, over, axes)

    def multiplied(self, tops: Sequence[Expr], bottoms: Sequence[Expr], over: Sequence[Index], axes: Axes) -> Node:
        """A product of arrays by the best of its plans."""
        factors = _leaves(tops, bottoms)
        held = frozenset().union(*(factor.indices for factor in factors))
        if not set(over) <= held or len(factors) > _MOST_FACTORS:
            raise NoForm
        wanted = restrict(axes, held - set(over))
        ways = plans(factors, over) if over or len(factors) > 2 else [elementwise(factors)]
        candidates = [partial(self.render, plan, wanted) for plan in ways]
        try:
            found = best(candidates)
        except NoForm:
            return self.einsum(factors, wanted)
        return best([lambda: found, partial(self.einsum, factors, wanted)]) if _contracts(factors, over) else found

    def diagonal(self, tops: Sequence[Expr], bottoms: Sequence[Expr], over: Sequence[Index], axes: Axes) -> Node:
        """``δ(i,j)·v[i]`` as ``diag(v)``."""
        delta = next(top for top in tops if delta_form(top) is not None and one_hot_parts(top) is None)
        if len(axes) != 2 or eye(delta, axes).axes != axes or free(delta) & set(over):
            raise NoForm
        row, column = (index for index in axes if index is not None)
        rest = Factors(
            tops=[substitute(top, {column: as_affine(row)}) for top in tops if top is not delta],
            bottoms=[substitute(bottom, {column: as_affine(row)}) for bottom in bottoms],
        )
        vector = self.product(rest, over, (row,))
        if vector.axes != (row,) or row.extent is not column.extent:
            raise NoForm
        return Call(axes, "diag", (vector,))

    def masked(self, tops: Sequence[Expr], bottoms: Sequence[Expr], over: Sequence[Index], axes: Axes) -> Node:
        """``δ(i,j)·A[i,j]`` as ``A * eye(N)``."""
        deltas = [top for top in tops if delta_form(top) is not None and one_hot_parts(top) is None]
        if any(free(delta) & set(over) for delta in deltas):
            raise NoForm
        return self.multiplied(tops, bottoms, over, axes)

    def einsum(self, factors: Sequence[Plan], axes: Axes) -> Node:
        """The product as an einsum of its factors."""
        order = tuple(index for index in axes if index is not None)
        operands: list[tuple[Node, Axes]] = []
        for factor in factors:
            if not isinstance(factor, Leaf) or factor.inverse or not isinstance(factor.expr, (Read, Bracket)):
                raise NoForm
            own = _natural_order(factor, order)
            if isinstance(factor.expr, Read) and len(set(own)) < len(own):
                node: Node = Name(own, factor.expr.tensor.name)
            else:
                node = self.render(factor, own)
            if node.axes != own:
                raise NoForm
            operands.append((node, own))
        return arrange(einsum(operands, order), axes)


def eye(delta: Expr, axes: Axes) -> Node:
    """A Kronecker delta of two indices as the identity matrix."""
    form = delta_form(delta)
    pair = tuple(index for index in axes if index is not None)
    if form is None or len(pair) != 2 or axes != pair:
        raise NoForm
    if form not in (pair[0] - as_affine(pair[1]), pair[1] - as_affine(pair[0])):
        raise NoForm
    return Call(axes, "eye", sizes(axes[:1] if pair[0].extent is pair[1].extent else axes))


def _contracts(factors: Sequence[Plan], over: Sequence[Index]) -> bool:
    """Whether every summed index is shared by factors with different indices, as in a product of matrices."""
    groups = {factor.indices for factor in factors}
    return bool(over) and all(sum(index in group for group in groups) > 1 for index in over)


def _cuts_nothing(factor: Expr, factors: Sequence[Expr]) -> bool:
    """Whether a factor is a triangle of ones, because no other has both of its indices."""
    found = triangle_parts(factor) if isinstance(factor, Bracket) else None
    return found is not None and not any(set(found[:2]) <= free(other) for other in factors if other is not factor)


def _expands(node: Node) -> bool:
    """Whether axes are added somewhere in an expression."""
    return (isinstance(node, Call) and node.function == "expand_dims") or any(map(_expands, node.parts))


def _product_first(terms: list[tuple[int, Node]]) -> list[tuple[int, Node]]:
    """``x @ w.T + b`` for ``b + x @ w.T``, where b has fewer axes."""
    (sign, first), *rest = terms
    for place, (other, term) in enumerate(rest):
        if sign > 0 < other and isinstance(term, tree.Matmul) and 0 < len(first.axes) < len(term.axes):
            return [rest[place], terms[0], *rest[:place], *rest[place + 1 :]]
    return terms


def _split(number: Fraction) -> tuple[Fraction, int]:
    """``x / 2`` rather than ``0.5 * x``, but ``0.01 * x`` rather than ``x / 100``."""
    halves = number.denominator & (number.denominator - 1) == 0
    if halves or decimal(number) is None:
        return Fraction(number.numerator), number.denominator
    return number, 1


def _has_delta(expr: Expr) -> bool:
    """Whether a term is a product with a Kronecker delta."""
    return any(delta_form(top) is not None and one_hot_parts(top) is None for top in factors_in(expr).tops)


def _leaves(tops: Sequence[Expr], bottoms: Sequence[Expr]) -> list[Plan]:
    """The factors of a product, above and below."""
    return [*(leaf(top) for top in tops), *(leaf(bottom, inverse=True) for bottom in bottoms)]


def _root(node: Node) -> Node:
    """``sqrt(x)``; of a sum of squares the norm."""
    if isinstance(node, Call) and node.function == "sum" and isinstance(node.arguments[0], Power):
        power = node.arguments[0]
        if isinstance(power.exponent, Number) and power.exponent.value == 2:
            return Call(node.axes, "norm", (power.base,), node.keywords)
    return Call(node.axes, "sqrt", (node,))


def _is_vector(node: Node) -> bool:
    return len(node.axes) == 1


def _natural_order(factor: Leaf, order: Axes) -> Axes:
    """The axes of a factor as its tensor has them, otherwise first those that stay."""
    if isinstance(factor.expr, Read) and not factor.inverse:
        own = tuple(position.index for position in factor.expr.positions)
        if None not in own:
            return own
    kept = [index for index in order if index in factor.indices]
    return (*kept, *sorted(factor.indices - set(kept), key=lambda index: index.name))

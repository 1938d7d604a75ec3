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
from covector.matrix.patterns import one_hot_parts, recognise_operation
from covector.matrix.plan import Leaf, Plan, Total, elementwise, leaf, plans
from covector.matrix.render import Renderer, best, product
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
)
from covector.notation.styles import decimal

_LOGIC = ("eq", "ne", "lt", "le", "and", "or", "not")
_LETTERS = "ijklmnpqrstuvwabcdefgh"
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
            return self.read(expr, axes)
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

    def read(self, expr: Read, axes: Axes) -> Node:
        """A whole tensor, its diagonal, or the rows that a table has for ids."""
        indices = tuple(position.index for position in expr.positions)
        name = expr.tensor.name
        if None in indices and all(index or _is_single(expr, place) for place, index in enumerate(indices)):
            return _aligned(Name(indices, name), axes)
        if None not in indices:
            if len(set(indices)) == len(indices):
                return arrange(Name(indices, name), axes)
            if len(indices) == 2:
                return arrange(Call(indices[:1], "diag", (Name(indices, name),)), axes)
            return arrange(_einsum([(Name(indices, name), indices)], tuple(dict.fromkeys(indices))), axes)
        ids = expr.positions[0].atom if expr.positions else None
        if len(indices) == 2 and isinstance(ids, Read) and indices[1] is not None and indices[1] not in free(ids):
            rows = tuple(position.index for position in ids.positions)
            if None not in rows and len(set(rows)) == len(rows):
                table = Name((None, indices[1]), name)
                return arrange(Call((*rows, indices[1]), "embedding", (Name(rows, ids.tensor.name), table)), axes)
        raise NoForm

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
        return Sum(broadcast([term.axes for _, term in terms]), tuple(terms))

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
        flat, own = opened(expr), (expr.indices, factors_in(expr.body))
        candidates = [flat] if len(flat[0]) == len(own[0]) else [flat, own]
        return best([partial(self.product, found, over, axes) for over, found in candidates])

    def mean(self, expr: Reduce, axes: Axes) -> Node:
        """A sum over some axes divided by their size; other sums are divided by how many terms they have."""
        plain = self.plain_mean(expr, axes)
        if plain is not None:
            return plain
        total = self.value(Reduce("sum", expr.indices, expr.body), axes)
        if isinstance(total, Call) and total.function == "sum" and len(total.arguments[0].axes) >= len(expr.indices):
            bodies = set(total.arguments[0].axes) - set(total.axes)
            if bodies == set(expr.indices):
                return Call(total.axes, "mean", total.arguments, total.keywords)
        return product([total, tree.Product((), (), (Extent((), count(expr.indices)),))])

    def plain_mean(self, expr: Reduce, axes: Axes) -> Node | None:
        """The mean of a product element by element, where one of its factors has all the indices."""
        found = factors_in(expr.body)
        factors = _leaves(found.tops, found.bottoms)
        if found.number != 1 or not factors:
            return None
        body = elementwise(factors)
        if not any(factor.indices == body.indices for factor in factors) or not set(expr.indices) <= body.indices:
            return None
        try:
            return self.render(Total("mean", body, expr.indices, body.indices - set(expr.indices)), axes)
        except NoForm:
            return None

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
        delta = self.diagonal(tops, bottoms, over, axes)
        if delta is not None:
            return delta
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
        return best([lambda: found, partial(self.einsum, factors, wanted)]) if over else found

    def diagonal(self, tops: Sequence[Expr], bottoms: Sequence[Expr], over: Sequence[Index], axes: Axes) -> Node | None:
        """``δ(i,j)·v[i]`` as ``diag(v)``."""
        for delta in tops:
            form = delta_form(delta)
            if form is None or one_hot_parts(delta) is not None:
                continue
            pair = free(form)
            if len(pair) != 2 or tuple(index for index in axes if index in pair) != axes or pair & set(over):
                raise NoForm
            row, column = axes
            if (
                row is None
                or column is None
                or row.extent is not column.extent
                or form
                not in (
                    row - as_affine(column),
                    column - as_affine(row),
                )
            ):
                raise NoForm
            rest = Factors(
                tops=[substitute(top, {column: as_affine(row)}) for top in tops if top is not delta],
                bottoms=[substitute(bottom, {column: as_affine(row)}) for bottom in bottoms],
            )
            vector = self.product(rest, over, (row,))
            if vector.axes != (row,):
                raise NoForm
            return Call(axes, "diag", (vector,))
        return None

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
        return arrange(_einsum(operands, order), axes)


def _is_single(expr: Read, place: int) -> bool:
    """Whether a read stands at the only position of an axis."""
    position, extent = expr.positions[place], expr.tensor.shape[place]
    return position.is_constant and position.constant == 0 and extent.is_constant and extent.constant == 1


def _aligned(node: Node, axes: Axes) -> Node:
    """A tensor some of whose axes have extent 1, as it broadcasts."""
    own = node.axes
    while own and own[0] is None:
        own = own[1:]
    if own != axes:
        raise NoForm
    return node


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


def _einsum(operands: Sequence[tuple[Node, Axes]], order: Axes) -> Node:
    """``einsum("ij,jk->ik", a, b)``: letters are those of the indices where they can be."""
    letters: dict[Index, str] = {}
    for index in (*order, *(index for _, axes in operands for index in axes)):
        if index is not None and index not in letters:
            taken = set(letters.values())
            wanted = index.name if len(index.name) == 1 and index.name.isascii() and index.name.isalpha() else ""
            free_letters = [letter for letter in (wanted, *_LETTERS) if letter and letter not in taken]
            if not free_letters:
                raise NoForm
            letters[index] = free_letters[0]
    spelled = ["".join(letters[index] for index in axes if index is not None) for _, axes in operands]
    output = "".join(letters[index] for index in order if index is not None)
    return Call(order, "einsum", tuple(node for node, _ in operands), (), f"{','.join(spelled)}->{output}")

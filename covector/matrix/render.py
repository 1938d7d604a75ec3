"""From a plan to a matrix expression with given axes, the shortest of those that fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from functools import partial
from itertools import permutations

from covector.ir import Expr, Index, Read, walk
from covector.matrix.patterns import triangle_parts
from covector.matrix.plan import Contract, Elementwise, Leaf, Plan, Total, Trace, elementwise
from covector.matrix.tree import (
    Axes,
    Call,
    Matmul,
    Node,
    NoForm,
    Number,
    Product,
    Sum,
    Transposed,
    arrange,
    broadcast,
    flipped,
    restrict,
    sizes,
    turns,
)

WORK_LIMIT = 1500
"""Expressions made for one statement, beyond which it is left in element form."""

_ORDERS = 6

Value = Callable[[Expr, Axes], Node]
"""What gives the matrix expression of a factor for the wanted axes."""


def best(candidates: Iterable[Callable[[], Node]]) -> Node:
    """The shortest expression, the first of several; raises `NoForm` where there is none."""
    found: Node | None = None
    for candidate in candidates:
        try:
            node = candidate()
        except NoForm:
            continue
        if found is None or node.cost < found.cost:
            found = node
    if found is None:
        raise NoForm
    return found


class Renderer:
    """Plans as expressions; ``value`` gives those of the factors."""

    def __init__(self, value: Value) -> None:
        self.value = value
        self.memo: dict[tuple[Plan, Axes], Node | None] = {}
        self.left = WORK_LIMIT

    def spend(self) -> None:
        """Count one expression that is made; raises `NoForm` where there were too many."""
        self.left -= 1
        if self.left < 0:
            raise NoForm

    def __call__(self, plan: Plan, axes: Axes) -> Node:
        """The expression of a plan, with axes that hold all of its indices; raises `NoForm`."""
        axes = restrict(axes, plan.indices)
        key = (plan, axes)
        if key not in self.memo:
            self.spend()
            try:
                self.memo[key] = self._render(plan, axes)
            except NoForm:
                self.memo[key] = None
        found = self.memo[key]
        if found is None:
            raise NoForm
        return found

    def _render(self, plan: Plan, axes: Axes) -> Node:
        if isinstance(plan, Leaf):
            node = self.value(plan.expr, axes)
            return Product(node.axes, (), (node,)) if plan.inverse else node
        if isinstance(plan, Elementwise):
            ways = (self.elementwise, self.outer, self.scaled_rows, self.triangle, self.flipped)
            return best(partial(make, plan, axes) for make in ways)
        if isinstance(plan, Total):
            return best(self.totals(plan, axes))
        order = tuple(index for index in axes if index is not None)
        if order != axes:
            return arrange(self(plan, order), axes)
        if isinstance(plan, Trace):
            pairs = (plan.axes, plan.axes[::-1])
            return best([partial(self.trace, plan, pair) for pair in pairs])
        return best(self.contractions(plan, order))

    def trace(self, plan: Trace, axes: Axes) -> Node:
        """The trace of a matrix with these axes."""
        return Call((), "trace", (self(plan.body, axes),))

    # Products element by element.

    def elementwise(self, plan: Elementwise, axes: Axes) -> Node:
        """Factors that broadcast."""
        order = tuple(index for index in axes if index is not None)
        if order != axes and all(factor.indices == plan.indices for factor in plan.factors):
            plain = [self(factor, axes) for factor in plan.factors]
            if any(isinstance(node, Call) and node.function == "expand_dims" for node in plain):
                return arrange(self(plan, order), axes)
            return product(plain)
        return product([self(factor, axes) for factor in plan.factors])

    def outer(self, plan: Elementwise, axes: Axes) -> Node:
        """The outer product of two vectors."""
        if len(axes) != 2 or any(len(factor.indices) > 1 for factor in plan.factors):
            raise NoForm
        row, column = ([factor for factor in plan.factors if factor.indices == {index}] for index in axes)
        if not row or not column or len(row) + len(column) < len(plan.factors):
            raise NoForm
        vectors = [product([self(f, (i,)) for f in part]) for part, i in ((row, axes[0]), (column, axes[1]))]
        if any(len(vector.axes) != 1 for vector in vectors):
            raise NoForm
        return Call(axes, "outer", tuple(vectors))

    def triangle(self, plan: Elementwise, axes: Axes) -> Node:
        """``tril(a)``: a matrix times the bracket that keeps one of its triangles."""
        for factor in plan.factors:
            found = triangle_parts(factor.expr) if isinstance(factor, Leaf) and not factor.inverse else None
            if found is None:
                continue
            rest = self(elementwise([other for other in plan.factors if other is not factor]), axes)
            if rest.axes == axes:
                return cut(rest, *found)
        raise NoForm

    def scaled_rows(self, plan: Elementwise, axes: Axes) -> Node:
        """``diag(s) @ y``: the rows of a matrix times the elements of a vector."""
        if len(axes) != 2 or None in axes:
            raise NoForm
        row = axes[0]
        vector = [factor for factor in plan.factors if factor.indices == {row}]
        rest = [factor for factor in plan.factors if factor not in vector]
        if not vector or not rest:
            raise NoForm
        if any(isinstance(factor, Leaf) and (factor.inverse or self.stays(factor, axes)) for factor in vector):
            raise NoForm
        scale = product([self(factor, (row,)) for factor in vector])
        matrix = product([self(factor, axes) for factor in rest])
        if matrix.axes != axes:
            raise NoForm
        return Matmul(axes, Call((row, row), "diag", (scale,)), matrix)

    def flipped(self, plan: Elementwise, axes: Axes) -> Node:
        """``(a * b).T``, which may be shorter than ``a.T * b.T``."""
        if len(axes) != 2 or None in axes:
            raise NoForm
        return flipped(self.elementwise(plan, axes[::-1]), axes)

    def stays(self, factor: Leaf, axes: Axes) -> bool:
        """Whether a vector broadcasts along rows as it is, as a reduction does that keeps its axis."""
        node = self(factor, axes)
        return not (isinstance(node, Call) and node.function == "expand_dims")

    # Reductions.

    def totals(self, plan: Total, axes: Axes) -> Iterator[Callable[[], Node]]:
        """A reduction over axes that go, or that stay with extent 1 where there are gaps to fill."""
        order = tuple(index for index in axes if index is not None)
        gaps = [place for place, index in enumerate(axes) if index is None]
        if gaps and len(gaps) == len(plan.over):
            for filling in _orders(plan.over):
                inner = list(axes)
                for place, index in zip(gaps, filling, strict=True):
                    inner[place] = index
                yield partial(self.total, plan, tuple(inner), axes)
        if gaps and plan.operation == "sum" and len(gaps) < len(plan.over):
            for filling in _orders(plan.over):
                stays = list(axes)
                for place, index in zip(gaps, filling, strict=False):
                    stays[place] = index
                yield partial(self.summed, plan, (*filling[len(gaps) :], *stays), axes)
        if gaps:
            yield partial(self.expanded, plan, order, axes)
        else:
            found = list(_insertions(order, plan.over))
            natural = [places for places in found if places in _read_orders(plan.body)]
            for places in natural or (found if len(order) + len(plan.over) < 5 else found[:_ORDERS]):
                yield partial(self.total, plan, places, axes)

    def expanded(self, plan: Plan, order: Axes, axes: Axes) -> Node:
        """A plan without the axes of extent 1, which are then added."""
        return arrange(self(plan, order), axes)

    def total(self, plan: Total, inner: Axes, axes: Axes) -> Node:
        """A reduction of the body with the given axes."""
        body = self(plan.body, inner)
        if body.axes != inner:
            raise NoForm
        if plan.operation == "sum" and isinstance(body, Call) and body.function == "diag" and not axes:
            return Call((), "trace", body.arguments)
        places = tuple(place for place, index in enumerate(inner) if index in plan.over)
        keywords: list[tuple[str, object]] = []
        if len(places) < len(inner):
            keywords.append(("axis", places[0] if len(places) == 1 else places))
        if len(axes) == len(inner):
            keywords.append(("keepdims", True))
        return Call(axes, plan.operation, (body,), tuple(keywords))

    def summed(self, plan: Total, inner: Axes, axes: Axes) -> Node:
        """The body summed down to the size of the wanted axes."""
        body = self(plan.body, inner)
        if body.axes != inner:
            raise NoForm
        return Call(axes, "sum_to_size", (body, *sizes(axes)))

    # Matrix products.

    def contractions(self, plan: Contract, axes: Axes) -> Iterator[Callable[[], Node]]:
        """``@`` of the two factors, in either order."""
        for left, right in ((plan.left, plan.right), (plan.right, plan.left)):
            yield partial(self.contract, left, right, plan.over, axes)

    def contract(self, left: Plan, right: Plan, over: Index, axes: Axes) -> Node:
        """``left @ right``, where that gives these axes."""
        rows, columns = left.indices - {over}, right.indices - {over}
        if not rows and not columns:
            return Matmul((), self(left, (over,)), self(right, (over,)))
        if not columns:
            return self.matmul(axes, left, (*axes, over), right, (over,))
        if not rows:
            return self.matmul(axes, left, (over,), right, (*axes[:-1], over, axes[-1]))
        if len(axes) < 2:
            raise NoForm
        *batch, row, column = axes
        if row in columns or column in rows:
            raise NoForm
        return self.matmul(axes, left, (*batch, row, over), right, (*batch, over, column))

    def matmul(self, axes: Axes, left: Plan, left_axes: Axes, right: Plan, right_axes: Axes) -> Node:
        """A matrix product of operands that have at least the axes that it multiplies."""
        wanted = [restrict(a, p.indices) for a, p in ((left_axes, left), (right_axes, right))]
        operands = [self.operand(left, wanted[0]), self.operand(right, wanted[1])]
        if any(node.axes != own for node, own in zip(operands, wanted, strict=True)):
            raise NoForm
        return Matmul(axes, *operands)

    def operand(self, plan: Plan, axes: Axes) -> Node:
        """A factor of a matrix product: ``(T - U @ V.T).T`` rather than ``(T.T - V @ U.T)``, as it stands elsewhere."""
        node = self(plan, axes)
        if len(axes) != 2 or not turns(node) or not isinstance(node, (Sum, Product)) or node.axes != axes:
            return node
        try:
            other = self(plan, axes[::-1])
        except NoForm:
            return node
        if other.axes != axes[::-1] or not isinstance(other, (Sum, Product)) or turns(other) >= turns(node):
            return node
        return Transposed(axes, other)


def cut(node: Node, row: Index, column: Index, offset: int) -> Node:
    """The triangle of the matrices of the last two axes in which ``column - row <= offset``."""
    if node.axes[-2:] == (row, column):
        name, diagonal = "tril", offset
    elif node.axes[-2:] == (column, row):
        name, diagonal = "triu", -offset
    else:
        raise NoForm
    return Call(node.axes, name, (node,), (("k", diagonal),) if diagonal else ())


def product(factors: Iterable[Node]) -> Node:
    """Factors multiplied element by element, numbers first; products of products flat."""
    tops: list[Node] = []
    bottoms: list[Node] = []
    for factor in factors:
        if isinstance(factor, Product):
            tops, bottoms = [*tops, *factor.tops], [*bottoms, *factor.bottoms]
        else:
            tops.append(factor)
    tops.sort(key=lambda node: (bool(node.axes), not isinstance(node, Number), _is_eye(node)))
    bottoms.sort(key=lambda node: (bool(node.axes), not isinstance(node, Number)))
    tops = [node for node in tops if not (isinstance(node, Number) and node.value == 1)]
    if len(tops) == 1 and not bottoms:
        return tops[0]
    if not tops and not bottoms:
        return Number((), Fraction(1))
    return Product(broadcast([node.axes for node in (*tops, *bottoms)]), tuple(tops), tuple(bottoms))


def _is_eye(node: Node) -> bool:
    return isinstance(node, Call) and node.function == "eye"


def _read_orders(plan: Plan) -> set[tuple[Index | None, ...]]:
    """The orders in which the tensors of a product element by element are read."""
    factors = plan.factors if isinstance(plan, Elementwise) else (plan,)
    reads = (node for f in factors if isinstance(f, Leaf) for node in walk(f.expr) if isinstance(node, Read))
    return {tuple(position.index for position in read.positions) for read in reads}


def _orders(indices: tuple[Index, ...]) -> list[tuple[Index, ...]]:
    return list(permutations(indices))[:_ORDERS]


def _insertions(order: tuple[Index, ...], over: tuple[Index, ...]) -> Iterator[tuple[Index, ...]]:
    """The orders of all axes in which those that stay keep theirs."""
    if len(order) + len(over) > 5:
        yield (*order, *over)
        yield (*over, *order)
        return
    seen = set()
    for places in permutations((*order, *over)):
        if tuple(index for index in places if index in order) == order and places not in seen:
            seen.add(places)
            yield places

"""Whole statements: their axes may have extent 1, or be of no index that their body reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from covector.calculus.build import ZERO, mul, total
from covector.ir import Expr, Index, Reduce, as_affine
from covector.ir.affine import free
from covector.matrix.fused import fused_axes, fused_sums, pairs, without_single_sums
from covector.matrix.reads import chosen_as_sums, ids_in_range, ones
from covector.matrix.render import best, product
from covector.matrix.translate import Translator
from covector.matrix.tree import Axes, Call, Matmul, Node, NoForm, Product, Sum, sizes

_ONE = as_affine(1)
_REDUCTIONS = ("sum", "mean", "prod", "max", "min", "any", "all")


def whole(body: Expr, indices: tuple[Index, ...]) -> Node:
    """The matrix expression of a statement's body, whose axes broadcast to all of its indices; raises `NoForm`."""
    body = chosen_as_sums(ids_in_range(body))
    ways = [partial(_plain, body, indices)]
    if pairs(body):
        ways += [partial(_plain, fused_sums(body), indices), partial(_reshaped, body, indices)]
    return best(ways)


def _reshaped(body: Expr, indices: tuple[Index, ...]) -> Node:
    """``reshape(x @ w.T, N, 4, H)``: two axes that are one in all that is read."""
    found = fused_axes(body, indices)
    if found is None:
        raise NoForm
    return Call(indices, "reshape", (_plain(*found), *sizes(indices)))


def _plain(body: Expr, indices: tuple[Index, ...]) -> Node:
    held = free(body)
    axes = tuple(None if index.extent is _ONE and index not in held else index for index in indices)
    repeated = tuple(index for index in axes if index is not None and index not in held)
    if not repeated:
        return widened(Translator().value(body, axes), axes)
    body = without_single_sums(body)
    if body is ZERO:
        return Call(axes, "zeros", sizes(axes))
    return best(_repeated(body, axes, repeated))


def _repeated(body: Expr, axes: Axes, repeated: tuple[Index, ...]) -> Iterator[Callable[[], Node]]:
    """A body that is the same along some axes: ``outer(ones(M), g)``, ``broadcast_to(g, M, N)``."""
    translate = Translator()
    if len(axes) <= 2:
        yield lambda: widened(translate.value(mul(ones(repeated), body), axes), axes)
        if isinstance(body, Reduce) and body.operation == "sum" and len(body.indices) == len(repeated) == 1:
            inner = mul(ones((*repeated, *body.indices)), body.body)
            yield lambda: widened(translate.value(total(body.indices, inner), axes), axes)
    yield partial(_broadcast, translate, body, axes, repeated)


def _broadcast(translate: Translator, body: Expr, axes: Axes, repeated: tuple[Index, ...]) -> Node:
    node = translate.value(body, tuple(None if index in repeated else index for index in axes))
    return Call(axes, "broadcast_to", (node, *sizes(axes)))


def widened(node: Node, axes: Axes) -> Node:
    """A node with all the wanted axes: those of extent 1 in front are kept by reductions, or added."""
    if node.axes == axes:
        return node
    lead = len(axes) - len(node.axes)
    if lead <= 0 or any(index is not None for index in axes[:lead]) or node.axes != axes[lead:]:
        raise NoForm
    try:
        return _kept(node, axes)
    except NoForm:
        gaps = tuple(range(lead))
        return Call(axes, "expand_dims", (node,), (("axis", gaps[0] if lead == 1 else gaps),))


def _kept(node: Node, axes: Axes) -> Node:
    """A node whose reductions keep the axes that they reduce."""
    if isinstance(node, Sum):
        return Sum(axes, tuple((sign, _kept(term, axes)) for sign, term in node.terms))
    if isinstance(node, Product):
        return _kept_product(node, axes)
    if isinstance(node, Matmul) and not node.axes and len(node.left.axes) == len(node.right.axes) == 1:
        node = Call((), "sum", (product([node.left, node.right]),))
    if not isinstance(node, Call) or node.function not in (*_REDUCTIONS, "sum_to_size"):
        raise NoForm
    inner = node.arguments[0]
    if inner.axes[len(inner.axes) - len(axes) :] and len(inner.axes) >= len(axes):
        aligned = inner.axes[len(inner.axes) - len(axes) :]
        if all(want in (None, own) for own, want in zip(aligned, axes, strict=True)):
            return _reduced(node, inner, axes)
    raise NoForm


def _reduced(node: Call, inner: Node, axes: Axes) -> Node:
    """The reduction of ``inner`` to these axes."""
    if len(inner.axes) == len(axes):
        name = "sum" if node.function == "sum_to_size" else node.function
        places = tuple(place for place, index in enumerate(axes) if index is None)
        keywords: list[tuple[str, object]] = [("keepdims", True)]
        if len(places) < len(axes):
            keywords.insert(0, ("axis", places[0] if len(places) == 1 else places))
        return Call(axes, name, (inner,), tuple(keywords))
    if node.function not in ("sum", "sum_to_size"):
        raise NoForm
    return Call(axes, "sum_to_size", (inner, *sizes(axes)))


def _kept_product(node: Product, axes: Axes) -> Node:
    """A product one of whose factors keeps its axes, so that the others broadcast."""
    for place, factor in enumerate(node.tops):
        try:
            wide = _kept(factor, (*axes[: len(axes) - len(factor.axes)], *factor.axes))
        except NoForm:
            continue
        if len(wide.axes) == len(axes):
            return Product(axes, (*node.tops[:place], wide, *node.tops[place + 1 :]), node.bottoms)
    raise NoForm

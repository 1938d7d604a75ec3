"""The array namespace: the functions of the tables, and those written here, which the tables cannot state.

`NAMESPACE` holds all of them by name; it is what matrix form and NumPy's protocols look functions up in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from covector.frontend import axes, products
from covector.frontend.axes import Axis, expand, permute, reduction, swap_last, variance
from covector.frontend.elementwise import elementwise, select
from covector.frontend.table import scalar_function, tensor_function
from covector.ops import OPERATIONS, SCALARS

if TYPE_CHECKING:
    from covector.frontend.arrays import Array


def sum(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum over some axes, or all; a bool counts as 0 or 1.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: sum(x, axis=0), {"x": "M N"}).output
    y[i] = sum[j](x[j, i])
    """
    return reduction("sum", "sum", x, axis, keepdims)


def prod(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The product over some axes, or all.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: prod(x), {"x": "N"}).output
    y = prod[i](x[i])
    """
    return reduction("prod", "prod", x, axis, keepdims)


def max(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The largest element along some axes, or of all.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: max(x, axis=-1), {"x": "M N"}).output
    y[i] = max[j](x[i, j])
    """
    return reduction("max", "max", x, axis, keepdims)


def min(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The smallest element along some axes, or of all.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: min(x, axis=-1), {"x": "M N"}).output
    y[i] = min[j](x[i, j])
    """
    return reduction("min", "min", x, axis, keepdims)


def any(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether an element is true, or not 0, along some axes, or of all.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: any(x > 0), {"x": "N"}).output
    y = any[i](lt(0, x[i]))
    """
    return reduction("any", "any", x, axis, keepdims)


def all(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """Whether every element is true, or not 0, along some axes, or of all.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: all(x > 0), {"x": "N"}).output
    y = all[i](lt(0, x[i]))
    """
    return reduction("all", "all", x, axis, keepdims)


def mean(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean over some axes, or all.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: mean(x), {"x": "M N"}).output
    y = div(sum[i, j](x[i, j]), M*N)
    """
    return axes.mean("mean", x, axis, keepdims)


def var(x: Array, /, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Array:
    """The variance over some axes, or all: squared distances from the mean, over their number less ``correction``.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: var(x), {"x": "N"}).output
    y = div(sum[j](pow(sub(x[j], div(sum[i](x[i]), N)), 2)), N)
    """
    return variance("var", x, axis, correction, keepdims)


def std(x: Array, /, axis: Axis = None, correction: float = 0, keepdims: bool = False) -> Array:
    """The standard deviation: the square root of `var`.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: std(x, axis=1, correction=1), {"x": "M N"}).output.shape
    (M,)
    """
    return elementwise("sqrt", variance("std", x, axis, correction, keepdims))


def norm(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The Euclidean norm over some axes, or all: of a matrix the Frobenius norm. It has no derivative at zero.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: norm(x, axis=1), {"x": "M N"}).output
    y[i] = sqrt(sum[j](pow(x[i, j], 2)))
    """
    return elementwise("sqrt", reduction("norm", "sum", elementwise("pow", x, 2), axis, keepdims))


def matmul(a: Array, b: Array, /) -> Array:
    """The matrix product, of vectors, matrices, and batches of matrices whose leading axes broadcast.

    Raises `ShapeError` in PyTorch's words where the inner extents differ.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda a, b: matmul(a, b), {"a": "B M K", "b": "K N"}).output
    y[i, j, k] = sum[l](mul(a[i, j, l], b[l, k]))
    """
    return products.matmul(a, b)


def einsum(equation: str, /, *operands: Array) -> Array:
    """The sum of products that an equation names: a letter for each axis, ``...`` for leading axes that broadcast.

    Without ``->`` the output has the letters that occur once, in alphabetical order. A letter that occurs twice in one
    operand reads its diagonal. Raises `NotationError` where the equation is none, `ShapeError` where it does not fit.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda u, v: einsum("bij,bjk->bik", u, v), {"u": "B M K", "v": "B K N"}).output
    y[b, i, k] = sum[j](mul(u[b, i, j], v[b, j, k]))
    """
    return products.einsum(equation, *operands)


def transpose(x: Array, /, axes: Sequence[int] | None = None) -> Array:
    """The axes in the order that ``axes`` gives; without it, the last two exchanged.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: transpose(x, (2, 0, 1)), {"x": "A B C"}).output
    y[i, j, k] = x[j, k, i]
    """
    return permute("transpose", x, axes) if axes is not None else swap_last("transpose", x)


def reshape(x: Array, /, shape: Any, *more: Any) -> Array:
    """The same elements in row-major order under another shape, of which one extent may be -1.

    Raises `ShapeError` where the number of elements would differ.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: reshape(x, (-1, 4)), {"x": "M N 4"}).output
    y[i, j] = x[(i)//(N), (i)%(N), j]
    """
    return axes.reshape("reshape", x, _shape(shape, more))


def _shape(shape: Any, more: Sequence[Any]) -> Sequence[Any]:
    """A shape that is given as one tuple or as extents side by side."""
    return shape if isinstance(shape, (tuple, list)) and not more else (shape, *more)


def broadcast_to(x: Array, /, shape: Any, *more: Any) -> Array:
    """The elements repeated along axes of extent 1 and along new leading axes.

    Raises `ShapeError` where the array does not broadcast to the shape.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x, y: broadcast_to(x, y.shape), {"x": "N", "y": "M N"}).output
    y2[i, j] = x[j]
    """
    return axes.broadcast_to("broadcast_to", x, _shape(shape, more))


def sum_to_size(x: Array, /, shape: Any, *more: Any) -> Array:
    """The sum over leading axes that the shape lacks and over those of extent 1 in it: the adjoint of broadcasting.

    Raises `ShapeError` where what has the shape does not broadcast to the array.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: sum_to_size(x, (3, 1)), {"x": "M 3 N"}).output
    y[i, j] = sum[k, l](x[k, i, l])
    """
    return axes.sum_to_size("sum_to_size", x, _shape(shape, more))


def ones(shape: Any, /, *more: Any) -> Array:
    """A new array of ones.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: ones(x.shape[0], 3), {"x": "N"}).output
    y[i, j] = 1
    """
    return axes.filled("ones", _shape(shape, more), 1)


def zeros(shape: Any, /, *more: Any) -> Array:
    """A new array of zeros.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: zeros(x.shape), {"x": "M N"}).output
    y[i, j] = 0
    """
    return axes.filled("zeros", _shape(shape, more), 0)


def eye(n: Any, m: Any = None, /) -> Array:
    """The identity matrix: 1 on the diagonal, 0 elsewhere; with two extents of that shape.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: eye(x.shape[0]), {"x": "N"}).output
    y[i, j] = [eq(i, j)]
    """
    return axes.eye("eye", n, n if m is None else m)


def tril(x: Array, /, k: Any = 0) -> Array:
    """The lower triangle of matrices, 0 above the diagonal; a positive k counts diagonals above it in.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: tril(x), {"x": "N N"}).output
    y[i, j] = mul([le(j, i)], x[i, j])
    """
    return axes.triangle("tril", x, k, True)


def triu(x: Array, /, k: Any = 0) -> Array:
    """The upper triangle of matrices, 0 below the diagonal; a positive k counts diagonals out.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: triu(x, 1), {"x": "N N"}).output
    y[i, j] = mul([le(i+1, j)], x[i, j])
    """
    return axes.triangle("triu", x, k, False)


def take(x: Array, index: Any, /, axis: int) -> Array:
    """What stands at one position of an axis, which goes; a negative position counts from the end.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: take(x, 2, axis=1), {"x": "M 3 N"}).output
    y[i, j] = x[i, 2, j]
    """
    return axes.take("take", x, index, axis)


def expand_dims(x: Array, /, axis: int | Sequence[int]) -> Array:
    """New axes of extent 1, at the positions that they have in the result.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: expand_dims(x, 0), {"x": "N"}).output.shape
    (1, N)
    """
    return expand("expand_dims", x, axis)


def squeeze(x: Array, /, axis: Axis = None) -> Array:
    """Axes of extent 1 taken away: those named, or all.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: squeeze(x, 1), {"x": "N 1"}).output
    y[i] = x[i, 0]
    """
    return axes.squeeze("squeeze", x, axis)


def where(condition: Any, x: Any, y: Any, /) -> Array:
    """``x`` where the condition holds, ``y`` elsewhere, broadcasting; the same as `select`.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: where(x > 0, x, 0), {"x": "N"}).output
    y[i] = select(lt(0, x[i]), x[i], 0)
    """
    return select(condition, x, y)


def square(x: Array, /) -> Array:
    """The square of each element.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: square(x), {"x": "N"}).output
    y[i] = pow(x[i], 2)
    """
    return elementwise("pow", x, 2)


def greater(x: Any, y: Any, /) -> Array:
    """Whether x is greater than y, element by element.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: greater(x, 1), {"x": "N"}).output
    y[i] = lt(1, x[i])
    """
    return elementwise("lt", y, x)


def greater_equal(x: Any, y: Any, /) -> Array:
    """Whether x is at least y, element by element.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x: greater_equal(x, 1), {"x": "N"}).output
    y[i] = le(1, x[i])
    """
    return elementwise("le", y, x)


_ALIASES = {
    "equal": "eq",
    "less": "lt",
    "less_equal": "le",
    "logical_and": "and",
    "logical_not": "not",
    "logical_or": "or",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "subtract": "sub",
}
_HERE = (
    *(sum, prod, max, min, any, all, mean, var, std, norm),
    *(matmul, einsum, transpose, reshape, expand_dims, squeeze, select, where, square, greater, greater_equal),
    *(broadcast_to, sum_to_size, ones, zeros, eye, tril, triu, take),
)
_HIDDEN = ("and", "or", "not", "pi")

CREATORS = ("ones", "zeros", "eye")
"""Functions that take extents only."""

NAMESPACE: dict[str, Callable[..., Array]] = {
    **{name: tensor_function(operation) for name, operation in OPERATIONS.items()},
    **{name: scalar_function(function) for name, function in SCALARS.items() if name not in _HIDDEN},
    **{alias: scalar_function(SCALARS[name], alias) for alias, name in _ALIASES.items()},
    **{function.__name__: function for function in _HERE},
}
"""Every function of arrays, by name."""

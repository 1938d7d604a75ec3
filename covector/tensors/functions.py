"""Functions of tensors, each also a method where its first argument is a tensor.

Names and arguments are those of the Array API (``axis``, ``keepdims``); PyTorch's ``dim`` and ``keepdim`` work too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from covector.errors import CovectorError, DtypeError
from covector.ops import OPERATIONS, SCALARS
from covector.tensors.call import require_float
from covector.tensors.dtypes import Dtype, as_dtype
from covector.tensors.tensor import Operand, Tensor, as_tensor, binary, call, called, unary

Function = Callable[..., Any]
Axis = int | Sequence[int] | None

_PYTORCH = {"dim": "axis", "keepdim": "keepdims", "unbiased": "correction"}


def pytorch_names(function: Function) -> Function:
    """The function, which takes PyTorch's names of its arguments too."""

    def call_it(*arguments: Any, **keywords: Any) -> Any:
        if keywords:
            keywords = {_PYTORCH.get(name, name): value for name, value in keywords.items()}
        return function(*arguments, **keywords)

    call_it.__name__ = call_it.__qualname__ = function.__name__
    call_it.__doc__, call_it.__wrapped__ = function.__doc__, function  # type: ignore[attr-defined]
    call_it.__module__ = function.__module__
    return call_it


def _named(function: Function, name: str, doc: str) -> Function:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


def scalar_function(name: str, called: str | None = None) -> Function:
    """The function that applies a scalar function of the table."""
    record, called = SCALARS[name], called or name
    name = called if called.startswith("logical") else name
    if len(record.parameters) == 1:
        return plain(name, record.doc, called)
    return two(name, record.doc, called)


def _two(name: str, a: Operand, b: Operand) -> Tensor:
    """A scalar function of two operands, one of which may be a number."""
    if not isinstance(a, Tensor):
        a = as_tensor(a, b if isinstance(b, Tensor) else None)
    result: Tensor = binary(name, a, b)
    return result


def table_function(name: str) -> Function:
    """The function that an operation of the table is: tensors in order, parameters by keyword."""
    operation = OPERATIONS[name]
    known = (*operation.parameters, *(("axis",) if operation.axis else ()))

    def apply(*operands: Any, **keywords: Any) -> Tensor:
        if not keywords:
            for operand in operands:
                if not isinstance(operand, Tensor):
                    break
            else:
                return called(name, operands)
        keywords = {_PYTORCH.get(given, given): value for given, value in keywords.items()}
        tensors = [*operands, *(keywords.pop(given) for given in operation.arguments if given in keywords)]
        for given in keywords:
            if given not in known:
                raise TypeError(f"{name}() got an unexpected keyword argument {given!r}: it takes {', '.join(known)}")
        chosen = tuple((given, keywords[given]) for given in known if given in keywords)
        return call(name, *[as_tensor(tensor) for tensor in tensors if tensor is not None], params=chosen)

    return _named(apply, name, operation.doc)


def reduction(name: str, doc: str) -> Function:
    """The function that reduces some axes, or all."""

    def apply(x: Tensor, axis: Axis = None, keepdims: bool = False) -> Tensor:
        given = (("axis", _frozen(axis)), ("keepdims", keepdims))
        return unary(name, as_tensor(x), given)

    return pytorch_names(_named(apply, name, doc))


def _frozen(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def float_reduction(name: str, doc: str) -> Function:
    """A reduction that takes floats only."""
    reduce = reduction(name, doc)

    def apply(x: Tensor, *arguments: Any, **keywords: Any) -> Tensor:
        require_float(name, as_tensor(x)._node.kind)
        result: Tensor = reduce(x, *arguments, **keywords)
        return result

    return _named(apply, name, doc)


def plain(name: str, doc: str, called: str | None = None) -> Function:
    """The function that an operation on one tensor is."""

    def apply(x: Operand) -> Tensor:
        return unary(name, x if isinstance(x, Tensor) else as_tensor(x))

    return _named(apply, called or name, doc)


def two(name: str, doc: str, called: str | None = None) -> Function:
    """The function that an operation on two operands is."""
    return _named(lambda a, b: _two(name, a, b), called or name, doc)


def gt(a: Operand, b: Operand) -> Tensor:
    """Whether a is greater than b, element by element."""
    return _two("lt", b, a)


def ge(a: Operand, b: Operand) -> Tensor:
    """Whether a is at least b, element by element."""
    return _two("le", b, a)


@pytorch_names
def var(x: Tensor, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Tensor:
    """The variance over some axes, or all, over their number less ``correction``, which is 1 as in PyTorch.

    >>> import covector as cv
    >>> cv.var(cv.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    require_float("var", x._node.kind)
    given = (("axis", _frozen(axis)), ("correction", _plain(correction)), ("keepdims", keepdims))
    return unary("var", x, given)


@pytorch_names
def logsumexp(x: Tensor, axis: Axis = -1, keepdims: bool = False) -> Tensor:
    """The logarithm of the sum of the exponentials along some axes, without overflow; of all axes where None is named.

    >>> import covector as cv
    >>> cv.logsumexp(cv.tensor([100.0, 100.0]))
    tensor(100.6931)
    """
    require_float("logsumexp", x._node.kind)
    given = (("axis", _frozen(axis)), ("keepdims", keepdims))
    if 0 in x.shape:
        return unary("sum", x, given) - float("inf")  # of no elements the logarithm of 0, and there are no others
    return unary("logsumexp", x, given)


def _plain(correction: Any) -> Any:
    return int(correction) if isinstance(correction, bool) else correction


@pytorch_names
def std(x: Tensor, axis: Axis = None, correction: float = 1, keepdims: bool = False) -> Tensor:
    """The standard deviation: the square root of `var`.

    >>> import covector as cv
    >>> cv.std(cv.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    require_float("std", x._node.kind)
    given = (("axis", _frozen(axis)), ("correction", _plain(correction)), ("keepdims", keepdims))
    return unary("std", x, given)


def arg_reduction(name: str, doc: str) -> Function:
    def apply(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
        whole = axis is None
        array = x.reshape(-1) if whole else x
        place = 0 if axis is None else axis_of(name, x, axis)
        found = unary(name, array, (("axis", place),))
        if not keepdims:
            return found
        kept: Tensor = found.reshape((1,) * x.ndim) if whole else found.unsqueeze(place)
        return kept

    return pytorch_names(_named(apply, name, doc))


def axis_of(name: str, x: Tensor, axis: int) -> int:
    """An axis counted from the start; raises `IndexError` in PyTorch's words."""
    rank = max(x.ndim, 1)
    if not -rank <= axis < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {axis})")
    return axis % rank


def matmul(a: Operand, b: Operand) -> Tensor:
    """The matrix product of vectors, matrices, and batches of matrices whose leading axes broadcast.

    Raises `ShapeError` in PyTorch's words where the inner extents differ.

    >>> import covector as cv
    >>> cv.matmul(cv.ones((2, 3)), cv.ones(3))
    tensor([3., 3.])
    """
    result: Tensor = binary("matmul", as_tensor(a), as_tensor(b))
    return result


def einsum(equation: str, *operands: Operand) -> Tensor:
    """The sum of products that an equation names: a letter for each axis, ``...`` for leading axes that broadcast.

    >>> import covector as cv
    >>> cv.einsum("ij,ij->i", cv.ones((2, 3)), cv.ones((2, 3)))
    tensor([3., 3.])
    """
    return call("einsum", *[as_tensor(x) for x in operands], params=(("equation", equation),))


def where(condition: Operand, x: Operand, y: Operand) -> Tensor:
    """``x`` where the condition holds, ``y`` elsewhere, broadcasting; the other branch has no influence.

    >>> import covector as cv
    >>> x = cv.tensor([-1.0, 2.0])
    >>> cv.where(x > 0, x, 0)
    tensor([0., 2.])
    """
    beside = next((value for value in (x, y) if isinstance(value, Tensor)), None)
    first, second = as_tensor(x, beside), as_tensor(y, beside)
    return call("where", as_tensor(condition), first, second)


def clip(x: Tensor, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """x where it is between two bounds, otherwise the bound.

    >>> import covector as cv
    >>> cv.clip(cv.tensor([-1.0, 0.5, 3.0]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    bounds = [as_tensor(bound, x) for bound in (min, max) if bound is not None]
    return call("clip", x, *bounds, params=(("low", min is not None), ("high", max is not None)))


def cumulative(name: str, doc: str) -> Function:
    """A running sum or product along an axis."""

    def apply(x: Tensor, axis: int | None = None) -> Tensor:
        if axis is None and x.ndim != 1:
            raise TypeError(f"{name}() of a tensor of {x.ndim} axes needs its axis: {name}(x, axis=0)")
        return unary(name, x, (("axis", axis_of(name, x, 0 if axis is None else axis)),))

    return pytorch_names(_named(apply, name, doc))


def tensordot(a: Tensor, b: Tensor, axes: int | Sequence[Sequence[int]] = 2) -> Tensor:
    """The sum of products over some axes of a and of b: the last and the first ``axes``, or those that two lists name.

    >>> import covector as cv
    >>> cv.tensordot(cv.ones((2, 3)), cv.ones((3, 4)), 1).shape
    (2, 4)
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    left, right = list(letters[: a.ndim]), list(letters[a.ndim : a.ndim + b.ndim])
    if isinstance(axes, int):
        pairs = [(a.ndim - axes + place, place) for place in range(axes)]
    else:
        pairs = [(axis_of("tensordot", a, p), axis_of("tensordot", b, q)) for p, q in zip(*axes, strict=True)]
    for p, q in pairs:
        right[q] = left[p]
    summed = {left[p] for p, _ in pairs}
    kept = [letter for letter in (*left, *right) if letter not in summed]
    return einsum(f"{''.join(left)},{''.join(right)}->{''.join(kept)}", a, b)


def astype(x: Tensor, dtype: Any) -> Tensor:
    """The same values in another dtype.

    >>> import covector as cv
    >>> cv.tensor([1.5, -2.5]).astype("int64")
    tensor([ 1, -2])
    """
    name = str(as_dtype(dtype))
    return x if x.dtype == name else unary("cast", x, (("dtype", name),))


def to(x: Tensor, target: Any) -> Tensor:
    """A tensor in another dtype, or on a device, of which there is one: the processor.

    >>> import covector as cv
    >>> cv.ones(1).to("cpu").to(cv.float64).dtype
    covector.float64
    """
    if isinstance(target, Tensor):
        return astype(x, target.dtype)
    if not isinstance(target, Dtype) and isinstance(target, str) and target.partition(":")[0] in _DEVICES:
        if target != "cpu":
            raise CovectorError(f"there is no device {target!r}", hint="tensors are on the processor, 'cpu'")
        return x
    return astype(x, target)


_DEVICES = ("cpu", "cuda", "gpu", "mps", "xpu", "tpu")


@pytorch_names
def norm(x: Tensor, p: float | str | None = 2, axis: Axis = None, keepdims: bool = False) -> Tensor:
    """The p-norm over some axes, or all: Euclidean, the largest magnitude (``inf``) or the smallest (``-inf``), the
    number of elements that are not 0 (``p = 0``). The gradient of a norm of zeros is 0.

    >>> import covector as cv
    >>> cv.norm(cv.tensor([3.0, 4.0]))
    tensor(5.)
    """
    require_float("norm", x._node.kind)
    given = (("axis", _frozen(axis)), ("keepdims", keepdims))
    order = 2 if p is None or p == "fro" else p
    if not isinstance(order, (int, float)):
        raise DtypeError(f"norm: p is a number or 'fro', not {p!r}")
    if order == 0:
        return unary("sum", to(_two("ne", x, 0), x.dtype), given)
    return unary("norm", x, (*given, ("p", order)))

"""`Tensor`: what a user holds, a node of the graph with PyTorch's methods and the operators of Python."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from covector.errors import CovectorError, DtypeError, GradientError, ShapeError
from covector.native.memory import aligned_empty
from covector.tensors import flush
from covector.tensors.call import find, number_node
from covector.tensors.dtypes import Dtype, Kind, as_dtype, kind_of, nearest_dtype
from covector.tensors.form import Entry, Params
from covector.tensors.node import STATE, Here, Node, leaf

_node_of, _kind_of = attrgetter("_node"), attrgetter("kind")

Operand = Any
"""A tensor, a number of Python or NumPy, or an array of NumPy."""


class Tensor:
    """An array that is computed when it is looked at, and that knows how to give gradients.

    Make one with `covector.tensor`. Operations check shapes and dtypes at once and compute later; two tensors never
    share memory as far as anyone can tell: ``x[i] = v`` changes ``x`` alone.

    >>> import covector as cv
    >>> x = cv.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __slots__ = ("__weakref__", "_grad", "_node", "requires_grad_flag")
    __array_priority__ = 1000
    __array_ufunc__ = None

    _node: Node
    _grad: Tensor | None
    requires_grad_flag: bool

    if TYPE_CHECKING:
        # Methods and operators come from the tables in `covector.tensors.namespace` and `covector.tensors.operators`.
        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def __setitem__(self, key: Any, value: Operand) -> None: ...
        def __add__(self, other: Operand) -> Tensor: ...
        def __radd__(self, other: Operand) -> Tensor: ...
        def __sub__(self, other: Operand) -> Tensor: ...
        def __rsub__(self, other: Operand) -> Tensor: ...
        def __mul__(self, other: Operand) -> Tensor: ...
        def __rmul__(self, other: Operand) -> Tensor: ...
        def __truediv__(self, other: Operand) -> Tensor: ...
        def __rtruediv__(self, other: Operand) -> Tensor: ...
        def __matmul__(self, other: Operand) -> Tensor: ...
        def __rmatmul__(self, other: Operand) -> Tensor: ...
        def __pow__(self, other: Operand) -> Tensor: ...
        def __rpow__(self, other: Operand) -> Tensor: ...
        def __and__(self, other: Operand) -> Tensor: ...
        def __or__(self, other: Operand) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __eq__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __ne__(self, other: object) -> Tensor: ...  # type: ignore[override]
        def __lt__(self, other: Operand) -> Tensor: ...
        def __le__(self, other: Operand) -> Tensor: ...
        def __gt__(self, other: Operand) -> Tensor: ...
        def __ge__(self, other: Operand) -> Tensor: ...

    def __init__(self, node: Node, requires_grad: bool = False) -> None:
        self._node = node
        self.requires_grad_flag = requires_grad
        self._grad = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Its extents."""
        return self._node.kind.shape

    @property
    def dtype(self) -> Dtype:
        """Its dtype."""
        return self._node.kind.dtype

    @property
    def ndim(self) -> int:
        """The number of its axes."""
        return len(self._node.kind.shape)

    @property
    def size(self) -> int:
        """The number of its elements."""
        return self._node.kind.size

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can be asked for: set on leaves, passed on by operations."""
        return self.requires_grad_flag

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        self.requires_grad_(wanted)

    def requires_grad_(self, wanted: bool = True) -> Tensor:
        """Say whether ``.grad`` is to gather the gradient; raises `GradientError` where that cannot be."""
        if not wanted and self._node.mask:
            raise GradientError(
                "you can only change requires_grad flags of leaf variables.",
                hint="x.detach() is a tensor without a gradient",
            )
        if wanted and not self._node.kind.is_float:
            raise GradientError("only Tensors of floating point dtype can require gradients", hint="x.float() is one")
        if wanted and not self._node.mask:
            self._own()
        self.requires_grad_flag = bool(wanted)
        return self

    def _own(self) -> None:
        """Make the gradient that arrives at the node gather here."""
        owner = self._node.owner() if self._node.owner is not None else None
        if owner is not None and owner is not self:
            self._node = leaf(self._node.kind, flush.force(self._node))
        self._node.owner = weakref.ref(self)

    @property
    def is_leaf(self) -> bool:
        """Whether it was not computed from tensors that require a gradient."""
        return not self._node.mask

    @property
    def grad(self) -> Tensor | None:
        """The gradient gathered by ``backward``, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None and value._node.kind.shape != self._node.kind.shape:
            raise ShapeError(f"a gradient of a tensor of shape {list(self.shape)} must be a tensor of that shape")
        trace = STATE.here.trace
        if trace is not None:
            trace.note_grad(self)
        self._grad = value

    def retain_grad(self) -> None:
        """Gather the gradient of a tensor that is no leaf, too."""
        if not self.requires_grad_flag:
            raise GradientError("can't retain_grad on Tensor that has requires_grad=False")
        self._node.owner = weakref.ref(self)

    def detach(self) -> Tensor:
        """The same values without a gradient."""
        if STATE.trace is not None:
            STATE.trace.note([self])
        return Tensor(self._node)

    def numpy(self) -> NDArray[Any]:
        """The values as an array of NumPy: its memory, not to be written to."""
        data: NDArray[Any] = flush.array_at(self._node).view()
        data.flags.writeable = False
        return data

    def item(self) -> Any:
        """The only element as a number of Python; raises `ShapeError` where there are several."""
        if self._node.kind.size != 1:
            raise ShapeError(f"a Tensor with {self.size} elements cannot be converted to Scalar")
        return flush.array_at(self._node).item()

    def tolist(self) -> Any:
        """The values as nested lists of numbers."""
        return flush.array_at(self._node).tolist()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **keywords: Any) -> Any:
        return flush.array_at(self._node).__dlpack__(**keywords)

    def __dlpack_device__(self) -> Any:
        return flush.array_at(self._node).__dlpack_device__()

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return (self[place] for place in range(self.shape[0]))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self._node.kind.is_float or self.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self.item())

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ShapeError(
                f"Boolean value of Tensor with {'no values' if not self.size else 'more than one value'} is ambiguous",
                hint="any(x) or all(x) is one value",
            )
        return bool(self.item())

    def __deepcopy__(self, memo: dict[int, Any]) -> Tensor:
        if self._node.mask:
            raise GradientError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol",
                hint="copy x.detach()",
            )
        copied = type(self).__new__(type(self))
        copied._node = leaf(self._node.kind, flush.array_at(self._node).copy())
        copied._grad, copied.requires_grad_flag = None, False
        memo[id(self)] = copied
        if self.requires_grad_flag:
            copied.requires_grad_()
        return copied

    def __reduce__(self) -> Any:
        raise CovectorError("tensors are not pickled", hint="save them with covector.save, or pickle x.numpy()")

    __hash__ = object.__hash__


def call(name: str, *operands: Tensor, params: Params = (), extents: tuple[int, ...] = ()) -> Tensor:
    """An operation on tensors that has one output."""
    return called(name, operands, params, extents)


def called(name: str, operands: tuple[Tensor, ...], params: Params = (), extents: tuple[int, ...] = ()) -> Tensor:
    """The same for operands that are in a tuple already."""
    here = STATE.here
    args = tuple(map(_node_of, operands))
    key = (name, params, extents, *map(_kind_of, args))
    entry = here.entries.get(key)
    if entry is None:
        entry = find(key, name, args, operands, params, extents)
    mask, bit = 0, 1
    if here.grad_enabled:
        for operand in operands:
            if operand.requires_grad_flag:
                mask |= bit
            bit <<= 1
    return _recorded(here, entry, args, mask)


def unary(name: str, x: Tensor, params: Params = ()) -> Tensor:
    """An operation on one tensor."""
    here = STATE.here
    node = x._node
    key = (name, node.kind, params)
    entry = here.entries.get(key)
    if entry is None:
        entry = find(key, name, (node,), (x,), params)
    return _recorded(here, entry, (node,), x.requires_grad_flag)


def binary(name: str, left: Tensor, right: Operand) -> Any:
    """An operation on a tensor and an operand; NotImplemented where that is none."""
    here = STATE.here
    a = left._node
    b: Node | None
    if isinstance(right, Tensor):
        b = right._node
        mask = left.requires_grad_flag | right.requires_grad_flag << 1
    else:
        b = operand_node(right, a.kind)
        if b is None:
            return NotImplemented
        mask = left.requires_grad_flag
    key = (name, a.kind, b.kind)
    entry = here.entries.get(key)
    if entry is None:
        entry = find(key, name, (a, b), (left, right))
    return _recorded(here, entry, (a, b), mask)


def mirrored(name: str, right: Tensor, left: Operand) -> Any:
    """An operation on an operand that is no tensor, and a tensor; NotImplemented where it is no operand."""
    if isinstance(left, Tensor):
        return binary(name, left, right)
    here = STATE.here
    b = right._node
    a = operand_node(left, b.kind)
    if a is None:
        return NotImplemented
    key = (name, a.kind, b.kind)
    entry = here.entries.get(key)
    if entry is None:
        entry = find(key, name, (a, b), (right,))
    return _recorded(here, entry, (a, b), right.requires_grad_flag << 1)


def _recorded(here: Here, entry: Entry, args: tuple[Node, ...], mask: int) -> Tensor:
    """The result of a call that has one output."""
    kind = entry.kind
    if mask and not (here.grad_enabled and kind.is_float):
        mask = 0
    made = Node(entry, args, 0, kind, mask)
    pending = here.pending
    pending.append(made)
    if len(pending) > flush.MOST_PENDING:
        flush.flush()
    return Tensor(made, mask > 0)


def operand_node(value: Operand, beside: Kind) -> Node | None:
    """A number or an array of NumPy as a node beside a tensor of some kind; None where it is neither."""
    if isinstance(value, (float, int, np.bool_, np.number)):
        return number_node(value, beside)
    return from_numpy(value)._node if isinstance(value, np.ndarray) else None


def from_numpy(array: NDArray[Any], dtype: Any = None, copy: bool = True) -> Tensor:
    """An array of NumPy as a tensor, of its own dtype unless another is given."""
    wanted = nearest_dtype(array) if dtype is None else as_dtype(dtype)
    if copy:
        data = aligned_empty(array.shape, str(wanted))
        data[...] = array
        flush.gather(data.nbytes)
    else:
        data = np.array(array, dtype=str(wanted), order="C", copy=None)
    return Tensor(leaf(kind_of(data.shape, wanted), data))


def as_tensor(value: Operand, beside: Tensor | None = None) -> Tensor:
    """An operand as a tensor; raises `DtypeError` where it is none."""
    if isinstance(value, Tensor):
        return value
    if beside is not None:
        found = operand_node(value, beside._node.kind)
        if found is not None:
            return Tensor(found)
    if isinstance(value, np.ndarray):
        return from_numpy(value)
    if isinstance(value, (bool, int, float, list, tuple, np.generic)):
        return from_numpy(as_array(value))
    raise DtypeError(f"expected a tensor, a number or an array, not {type(value).__name__}")


def as_array(value: Any) -> NDArray[Any]:
    """Nested lists of numbers as an array, floats in the default dtype."""
    array = np.asarray(value)
    if array.dtype == np.float64 and not isinstance(value, (np.ndarray, np.generic)):
        array = array.astype(np.float32)
    return array

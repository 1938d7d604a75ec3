"""`Array`: a symbolic array with the operators of Python and the protocols of NumPy.

What an operator makes is inlined where it is used: ``input @ weight.T + bias`` is one statement in element form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from typing import Any, NoReturn

from covector.errors import nearest
from covector.frontend import axes, functions
from covector.frontend.elementwise import elementwise, literal, shape_text
from covector.frontend.lazy import Base, Trace, TraceError, is_array
from covector.frontend.products import matmul
from covector.ir import Affine, Expr, Index, Read, Tensor, as_affine, floor_div, modulo

Operand = Any
"""An array, or a number: ``int``, ``float``, ``bool``, `Fraction`, or a scalar of NumPy."""

_UFUNCS = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "divide": "div",
    "float_power": "pow",
    "power": "pow",
}
_REDUCED = {
    "add": "sum",
    "multiply": "prod",
    "maximum": "max",
    "minimum": "min",
    "logical_and": "all",
    "logical_or": "any",
}
_ARRAY_FUNCTIONS = {"amax": "max", "amin": "min", "dot": "matmul", "permute_dims": "transpose"}
_VALUES = "its values are not known while a program is traced"


class Array(Base):
    """A symbolic array: a shape, a dtype, and the expression of one element.

    Made by `trace` for the parameters of a function, and by every operation on arrays; never by hand.

    >>> from covector.frontend.trace import trace
    >>> trace(lambda x, w: x @ w.T, {"x": "M K", "w": "N K"})
    x: M K float64
    w: N K float64
    y[i, j] = sum[k](mul(x[i, k], w[j, k]))
    """

    __slots__ = ()
    __array_priority__ = 1000

    def make(self, indices: Iterable[Index], body: Expr) -> Array:
        """Another array of the same trace."""
        return Array(self.trace, tuple(indices), body)

    @property
    def shape(self) -> tuple[int | Extent, ...]:
        """Its extents: integers, or symbols with which integers can be computed."""
        return tuple(e.constant if e.is_constant else Extent(self.trace, (), e) for e in self.extents)

    @property
    def size(self) -> int | Extent:
        """The number of its elements."""
        total = axes.count(self, range(self.ndim))
        return total.constant if total.is_constant else Extent(self.trace, (), total)

    @property
    def T(self) -> Array:
        """The last two axes exchanged; a vector as it is."""
        return axes.swap_last("T", self)

    @property
    def mT(self) -> Array:
        """The last two axes exchanged."""
        return axes.swap_last("mT", self)

    def __add__(self, other: Operand) -> Array:
        return elementwise("add", self, other, flat=True)

    def __radd__(self, other: Operand) -> Array:
        return elementwise("add", other, self)

    def __sub__(self, other: Operand) -> Array:
        return elementwise("sub", self, other)

    def __rsub__(self, other: Operand) -> Array:
        return elementwise("sub", other, self)

    def __mul__(self, other: Operand) -> Array:
        return elementwise("mul", self, other, flat=True)

    def __rmul__(self, other: Operand) -> Array:
        return elementwise("mul", other, self)

    def __truediv__(self, other: Operand) -> Array:
        return elementwise("div", self, other)

    def __rtruediv__(self, other: Operand) -> Array:
        return elementwise("div", other, self)

    def __pow__(self, other: Operand) -> Array:
        return elementwise("pow", self, other)

    def __rpow__(self, other: Operand) -> Array:
        return elementwise("pow", other, self)

    def __matmul__(self, other: Operand) -> Array:
        return matmul(self, other)

    def __rmatmul__(self, other: Operand) -> Array:
        return matmul(other, self)

    def __neg__(self) -> Array:
        return elementwise("neg", self)

    def __pos__(self) -> Array:
        return self

    def __abs__(self) -> Array:
        return elementwise("abs", self)

    def __eq__(self, other: object) -> Array:  # type: ignore[override]
        return elementwise("eq", self, other)

    def __ne__(self, other: object) -> Array:  # type: ignore[override]
        return elementwise("ne", self, other)

    def __lt__(self, other: Operand) -> Array:
        return elementwise("lt", self, other)

    def __le__(self, other: Operand) -> Array:
        return elementwise("le", self, other)

    def __gt__(self, other: Operand) -> Array:
        return elementwise("lt", other, self)

    def __ge__(self, other: Operand) -> Array:
        return elementwise("le", other, self)

    def __and__(self, other: Operand) -> Array:
        return elementwise("and", self, other)

    def __rand__(self, other: Operand) -> Array:
        return elementwise("and", other, self)

    def __or__(self, other: Operand) -> Array:
        return elementwise("or", self, other)

    def __ror__(self, other: Operand) -> Array:
        return elementwise("or", other, self)

    def __invert__(self) -> Array:
        return elementwise("not", self)

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<symbolic array {shape_text(self.extents)} {self.dtype}>"

    def __bool__(self) -> NoReturn:
        hint = "branch on values with select(condition, a, b) (or where), which takes both branches"
        raise TraceError(f"the truth of a symbolic array is not known: {_VALUES}", hint=hint)

    def __iter__(self) -> NoReturn:
        hint = "write the loop as an operation on whole arrays: a sum, a product, or einsum"
        raise TraceError("a symbolic array cannot be iterated over", hint=hint)

    def __len__(self) -> int:
        if not self.ndim:
            raise TraceError("a symbolic array without axes has no length")
        if not self.extents[0].is_constant:
            hint = "x.shape[0] is the extent itself, with which can be computed"
            raise TraceError(f"the length is the symbol {self.extents[0]!r}, not a number", hint=hint)
        return self.extents[0].constant

    def __getitem__(self, key: Any) -> NoReturn:
        hint = "write the element form, as in y[i] = x[i, 0]; for diagonals and transposes, einsum"
        raise TraceError("a symbolic array cannot be subscripted", hint=hint)

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TraceError("a symbolic array cannot be changed", hint="make a new one with select(condition, a, b)")

    def _value(self, *_: Any, **__: Any) -> NoReturn:
        hint = "use operations of covector or numpy on whole arrays; constants are plain numbers"
        raise TraceError(f"a symbolic array has no value: {_VALUES}", hint=hint)

    __array__ = __complex__ = __float__ = __index__ = __int__ = _value

    def __getattr__(self, name: str) -> Callable[..., Array]:
        if name in functions.NAMESPACE and not name.startswith("_"):
            return partial(functions.NAMESPACE[name], self)
        close = nearest(name, (*functions.NAMESPACE, "T", "mT", "shape", "ndim", "dtype", "size"))
        hint = f" (did you mean {close!r}?)" if close else ""
        raise AttributeError(f"a symbolic array has no attribute {name!r}{hint}")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **keywords: Any) -> Array:
        """Functions such as ``np.exp(x)`` and ``np.add.reduce(x)``."""
        name = ufunc.__name__
        if method == "reduce" and name in _REDUCED:
            axis = keywords.pop("axis", 0)
            return functions.NAMESPACE[_REDUCED[name]](*inputs, axis=axis, **_known(name, keywords))
        known = _UFUNCS.get(name, name)
        if method != "__call__" or known not in functions.NAMESPACE or "out" in keywords:
            raise _unsupported(f"numpy.{name}" if method == "__call__" else f"numpy.{name}.{method}")
        return functions.NAMESPACE[known](*inputs, **_known(name, keywords))

    def __array_function__(self, function: Any, _types: Any, arguments: Any, keywords: Any) -> Array:
        """Functions such as ``np.sum(x, axis=1)``."""
        name = _ARRAY_FUNCTIONS.get(function.__name__, function.__name__)
        if name not in functions.NAMESPACE:
            module = (getattr(function, "__module__", None) or "numpy").removesuffix("._core")
            raise _unsupported(f"{module}.{function.__name__}")
        return functions.NAMESPACE[name](*arguments, **_known(name, keywords))


def _known(name: str, keywords: dict[str, Any]) -> dict[str, Any]:
    """Keywords of NumPy that say nothing, left out."""
    return {key: value for key, value in keywords.items() if not (key in ("out", "where", "dtype") and value is None)}


def _unsupported(name: str) -> TraceError:
    hint = "write it with operations that are known, or in element form"
    return TraceError(f"{name} cannot be applied to a symbolic array", hint=hint)


class Extent(Array):
    """An extent that is a symbol: an integer that can be computed with, and a number in expressions."""

    __slots__ = ()

    @property
    def form(self) -> Affine:
        """The extent as an integer expression."""
        assert isinstance(self.body, Affine)
        return self.body

    def _combine(self, other: Any, combine: Callable[[Affine, Affine], Affine]) -> Any:
        """The result with an integer or another extent, which is an extent; with anything else NotImplemented."""
        if isinstance(other, Extent):
            form = combine(self.form, other.form)
        elif isinstance(other, int) and not isinstance(other, bool):
            form = combine(self.form, as_affine(other))
        else:
            return NotImplemented
        return form.constant if form.is_constant else Extent(self.trace, (), form)

    def __add__(self, other: Operand) -> Any:
        found = self._combine(other, lambda a, b: a + b)
        return super().__add__(other) if found is NotImplemented else found

    def __radd__(self, other: Operand) -> Any:
        found = self._combine(other, lambda a, b: b + a)
        return super().__radd__(other) if found is NotImplemented else found

    def __sub__(self, other: Operand) -> Any:
        found = self._combine(other, lambda a, b: a - b)
        return super().__sub__(other) if found is NotImplemented else found

    def __rsub__(self, other: Operand) -> Any:
        found = self._combine(other, lambda a, b: b - a)
        return super().__rsub__(other) if found is NotImplemented else found

    def __mul__(self, other: Operand) -> Any:
        found = self._combine(other, lambda a, b: a * b)
        return super().__mul__(other) if found is NotImplemented else found

    def __rmul__(self, other: Operand) -> Any:
        found = self._combine(other, lambda a, b: b * a)
        return super().__rmul__(other) if found is NotImplemented else found

    def __floordiv__(self, other: Operand) -> Any:
        return self._combine(other, floor_div)

    def __mod__(self, other: Operand) -> Any:
        return self._combine(other, modulo)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Extent):
            return self.form is other.form
        return False if isinstance(other, int) else super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return not self == other if isinstance(other, (Extent, int)) else super().__ne__(other)

    def __hash__(self) -> int:
        return hash(self.form)

    def __repr__(self) -> str:
        return repr(self.form)

    def _value(self, *_: Any, **__: Any) -> NoReturn:
        hint = f"{self.form!r} can be computed with; where a number is needed, say it in the shapes"
        raise TraceError(f"the extent {self.form!r} is a symbol, not a number", hint=hint)

    __array__ = __bool__ = __float__ = __index__ = __int__ = _value


def array_of(trace: Trace, tensor: Tensor) -> Array:
    """A whole tensor as an array of a trace."""
    indices = tuple(trace.index(extent) for extent in tensor.shape)
    return Array(trace, indices, Read(tensor, tuple(as_affine(index) for index in indices)))


def number_of(trace: Trace, value: float | Fraction | Affine) -> Array:
    """A number or an extent as an array without axes."""
    if isinstance(value, Affine):
        return Extent(trace, (), value)
    return Array(trace, (), literal(value))


__all__ = ["Array", "Extent", "Operand", "array_of", "is_array", "number_of"]

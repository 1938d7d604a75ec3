"""Element expressions: the value of one element, in terms of elements of other tensors.

A `Read` is zero outside the bounds of its tensor, and a `Bracket` is a strong zero: where it is 0, so is every
product that holds it, whatever the other factors are. Both together let the calculus move reads and guards
about freely.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar

from covector.ir.affine import Affine, Index, atoms, free, order
from covector.ir.dtype import is_float, promote
from covector.ir.node import Node, cached

if TYPE_CHECKING:
    from covector.ir.tensor import Tensor


@dataclass(frozen=True, eq=False)
class ScalarFunction:
    """One record of the table of scalar functions.

    ``derivatives`` holds, for each parameter, ∂function/∂parameter in the notation (None: zero everywhere); ``domain``
    is the condition under which the function is finite; ``kinks`` says what the derivative is where there is none.
    ``result`` is "float" (integers become floats), "same" (the promoted dtype of the arguments), or "bool".
    """

    name: str
    parameters: tuple[str, ...]
    derivatives: tuple[str | None, ...]
    numeric: Callable[..., Any]
    result: str = "float"
    domain: str = ""
    kinks: str = ""
    doc: str = ""
    variadic: bool = False

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False, slots=True)
class Literal(Node):
    """A number: a bool, an exact Fraction (whole or decimal), or a float where it is none (``inf``)."""

    typed_fields: ClassVar[bool] = True

    value: bool | Fraction | float

    def order_key(self) -> tuple[Any, ...]:
        """The sort key."""
        return (10, "", ((float(self.value), "", ()),))

    def __repr__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, eq=False, slots=True)
class Read(Node):
    """``tensor[positions]``: zero where the positions fall outside the bounds."""

    tensor: Tensor
    positions: tuple[Affine, ...]

    def free_indices(self) -> frozenset[Index]:
        """The indices in its positions."""
        return frozenset().union(*(free(position) for position in self.positions))

    def order_key(self) -> tuple[Any, ...]:
        """The sort key."""
        return (20, self.tensor.name, tuple(order(position) for position in self.positions))

    def __repr__(self) -> str:
        return f"{self.tensor.name}[{', '.join(map(repr, self.positions))}]" if self.positions else self.tensor.name


@dataclass(frozen=True, eq=False, slots=True)
class Apply(Node):
    """A scalar function of element expressions; ``add`` and ``mul`` take any number of them."""

    function: ScalarFunction
    arguments: tuple[Expr, ...]

    def free_indices(self) -> frozenset[Index]:
        """The indices in its arguments."""
        return frozenset().union(*(free(argument) for argument in self.arguments))

    def order_key(self) -> tuple[Any, ...]:
        """The sort key: sums last, as in ``y * (G - s)``."""
        rank = 50 if self.function.name == "add" else 30
        return (rank, self.function.name, tuple(order(argument) for argument in self.arguments))

    def __repr__(self) -> str:
        return f"{self.function.name}({', '.join(map(repr, self.arguments))})"


@dataclass(frozen=True, eq=False, slots=True)
class Reduce(Node):
    """``operation[indices](body)``: one of sum, prod, max, min, any, all, over indices that it binds."""

    operation: str
    indices: tuple[Index, ...]
    body: Expr

    def free_indices(self) -> frozenset[Index]:
        """The indices of the body that are not bound here."""
        return free(self.body) - frozenset(self.indices)

    def order_key(self) -> tuple[Any, ...]:
        """The sort key."""
        return (40, self.operation, (order(self.body), *(order(index) for index in self.indices)))

    def __repr__(self) -> str:
        return f"{self.operation}[{', '.join(map(repr, self.indices))}]({self.body!r})"


@dataclass(frozen=True, eq=False, slots=True)
class Bracket(Node):
    """``[condition]``: 1 where the condition holds, otherwise a strong zero."""

    condition: Expr

    def free_indices(self) -> frozenset[Index]:
        """The indices in the condition."""
        return free(self.condition)

    def order_key(self) -> tuple[Any, ...]:
        """The sort key: before reads, as in ``δ(q,i)·x[p,j]``."""
        return (15, "", (order(self.condition),))

    def __repr__(self) -> str:
        return f"[{self.condition!r}]"


@dataclass(frozen=True, eq=False, slots=True)
class Select(Node):
    """``then`` where the condition holds, ``otherwise`` elsewhere; the other branch has no influence."""

    condition: Expr
    then: Expr
    otherwise: Expr

    def free_indices(self) -> frozenset[Index]:
        """The indices in the condition and the branches."""
        return free(self.condition) | free(self.then) | free(self.otherwise)

    def order_key(self) -> tuple[Any, ...]:
        """The sort key."""
        return (35, "", (order(self.condition), order(self.then), order(self.otherwise)))

    def __repr__(self) -> str:
        return f"select({self.condition!r}, {self.then!r}, {self.otherwise!r})"


Expr = Affine | Literal | Read | Apply | Reduce | Bracket | Select


def dtype(expr: Expr) -> str:
    """The dtype of an element expression; literals adapt to what they are combined with."""
    result: str = cached(expr, "dtype", lambda node: _strong_dtype(node) or _weak_dtype(node))
    return result


def _strong_dtype(expr: Expr) -> str | None:
    """The dtype, or None where only literals, indices and extents occur, whose dtype is weak."""
    result: str | None = cached(expr, "strong_dtype", _find_strong_dtype)
    return result


def _find_strong_dtype(expr: Expr) -> str | None:
    if isinstance(expr, Literal):
        return "bool" if isinstance(expr.value, bool) else None
    if isinstance(expr, Affine):
        reads = [atom.tensor.dtype for atom in atoms(expr) if isinstance(atom, Read)]
        return promote(*reads) if reads else None
    if isinstance(expr, Read):
        return expr.tensor.dtype
    if isinstance(expr, Bracket):
        return None
    if isinstance(expr, Reduce):
        below = _strong_dtype(expr.body)
        if expr.operation in ("sum", "prod") and below == "bool":
            return "int64"
        return "bool" if expr.operation in ("any", "all") else below
    arguments = expr.arguments if isinstance(expr, Apply) else (expr.then, expr.otherwise)
    if isinstance(expr, Apply) and expr.function.result == "bool":
        return "bool"
    if isinstance(expr, Apply) and expr.function.name in _COUNTING and _counts(expr):
        return "int64"
    strong = [found for argument in arguments if (found := _strong_dtype(argument)) is not None]
    result = promote(*strong) if strong else None
    if result is None or is_float(result):
        return result
    wants_float = any(is_float(_weak_dtype(argument)) for argument in arguments if _strong_dtype(argument) is None)
    if wants_float or (isinstance(expr, Apply) and (expr.function.result == "float" or _is_fractional_power(expr))):
        return "float64"
    return result


_COUNTING = ("add", "sub", "mul", "neg", "pow")


def _counts(expr: Apply) -> bool:
    """Whether arithmetic is of truth values, which then count as 0 and 1; a product of them alone stays one."""
    strong = [_strong_dtype(argument) for argument in expr.arguments]
    alone = expr.function.name == "mul" and None not in strong
    whole = all(
        found == "bool" or (found is None and not is_float(dtype(a)))
        for found, a in zip(strong, expr.arguments, strict=True)
    )
    return "bool" in strong and whole and not alone


def _weak_dtype(expr: Expr) -> str:
    if isinstance(expr, Literal):
        return "int64" if isinstance(expr.value, Fraction) and expr.value.denominator == 1 else "float64"
    if isinstance(expr, (Affine, Bracket)):
        return "int64"
    if isinstance(expr, Reduce):
        return _weak_dtype(expr.body)
    if isinstance(expr, Read):
        return expr.tensor.dtype
    if isinstance(expr, Apply) and (expr.function.result == "float" or _is_fractional_power(expr)):
        return "float64"
    arguments = expr.arguments if isinstance(expr, Apply) else (expr.then, expr.otherwise)
    return promote(*(dtype(argument) for argument in arguments))


def _is_fractional_power(expr: Apply) -> bool:
    """Whether an expression is a power of an integer that is none itself: its exponent is a negative number."""
    if expr.function.name != "pow":
        return False
    exponent = expr.arguments[1]
    negated = isinstance(exponent, Apply) and exponent.function.name == "neg"
    inner = exponent.arguments[0] if isinstance(exponent, Apply) and negated else exponent
    return isinstance(inner, Literal) and (inner.value > 0 if negated else inner.value < 0)

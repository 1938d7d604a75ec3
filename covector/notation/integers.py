"""Integer expressions: the positions of reads, extents, and the sides of a comparison that the calculus can solve."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from covector.errors import CovectorError, DtypeError, NotationError, UnknownNameError
from covector.ir import Affine, Read, Symbol, as_affine, floor_div, is_integer, modulo
from covector.ir.affine import atoms, free
from covector.notation import syntax
from covector.notation.scope import CONSTANTS, NAN, NAN_HINT
from covector.notation.syntax import Syntax

if TYPE_CHECKING:
    from covector.notation.statement import Env, Statement

_ALLOWED = "a position holds indices, integers, extents, reads of integer tensors, and their sums, multiples, // and %"
_POSITION = "non-affine position"
_BEYOND = 2**1024 - 2**970
"""The least number that rounds to no float64."""


class NotAnIntegerError(NotationError):
    """An expression that cannot stand in a position, though it may have a value."""

    def said_of(self, what: str) -> NotAnIntegerError:
        """The same error where something else than a position was wanted."""
        message = self.message.replace(_POSITION, what, 1)
        return type(self)(message, source=self.source, span=self.span, hint=self.hint)


class FloatPositionError(NotAnIntegerError, DtypeError):
    """A read in a position that is of a tensor of floats."""


class UnboundIndexError(UnknownNameError):
    """A name in a position that is neither an index nor anything else."""


def integer(node: Syntax, env: Env, statement: Statement) -> Affine:
    """The integer expression that ``node`` writes.

    Raises `NotAnIntegerError` where it writes something else, and `UnboundIndexError` where a name in it is not known.
    """
    if isinstance(node, syntax.Number):
        return _number(node, statement)
    if isinstance(node, syntax.Name):
        return _name(node, env, statement)
    if isinstance(node, syntax.Subscript):
        return _read(node, env, statement)
    if isinstance(node, syntax.Call) and node.function == "pad" and len(node.arguments) == 1 and not node.keywords:
        (inner,) = node.arguments
        if isinstance(inner, syntax.Subscript):
            return _read(inner, env, statement, padded=True)
    if isinstance(node, syntax.Operator) and node.symbol in ("+", "-", "*", "/", "//", "%", "**", "neg"):
        return _operator(node, env, statement)
    if isinstance(node, syntax.Ellipsis):
        raise statement.fault("'...' stands for leading axes and comes first", node, "write x[..., j]")
    raise _refuse(f"{statement.text(node)} is not an integer expression", node, statement)


def _refuse(
    why: str,
    node: Syntax,
    statement: Statement,
    hint: str = _ALLOWED,
    kind: type[NotAnIntegerError] = NotAnIntegerError,
) -> CovectorError:
    return statement.fault(f"{_POSITION}: {why}", node, hint, kind)


def _number(node: syntax.Number, statement: Statement) -> Affine:
    if not node.text.isdecimal():
        raise _refuse(f"{node.text} is not a whole number", node, statement)
    if len(node.text) > 18:
        raise statement.fault("this number does not fit in an int64", node, "the largest is about 9.2e18")
    return as_affine(int(node.text))


def _name(node: syntax.Name, env: Env, statement: Statement) -> Affine:
    scope, name = statement.scope, node.name
    if name in env.indices:
        return as_affine(env.indices[name])
    if name in scope.values:
        value = scope.values[name]
        if isinstance(value, Affine):
            return value
        raise _refuse(f"{name} is not an integer", node, statement)
    if name in scope.parameters:
        number = scope.parameters[name]
        if isinstance(number, Affine):
            return number
        if isinstance(number, bool) or not isinstance(number, int):
            raise _refuse(f"{name} is {number}, not an integer", node, statement)
        return as_affine(number)
    if name in scope.tensors or name in statement.unknown:
        return as_affine(_integers(statement.scalar(node), node, statement))
    if name in scope.extents:
        return scope.extents[name]
    if name in statement.extents:
        return statement.extents[name]
    if name == "nan":
        raise statement.fault(NAN, node, NAN_HINT)
    if env.declares and not scope.closed:
        return statement.extents.setdefault(name, as_affine(Symbol(name)))
    if env.declares:
        scope.refuse_typo(name, node, statement.source)
    raise _unbound(node, statement)


def _unbound(node: syntax.Name, statement: Statement) -> Exception:
    name = node.name
    if name in CONSTANTS:
        return _refuse(f"{name} is not an integer", node, statement)
    hint = f"bind it in a reduction, sum[{name}](…), or add it to the left side"
    return statement.fault(f"index {name} is not bound", node, hint, UnboundIndexError)


def _read(node: syntax.Subscript, env: Env, statement: Statement, padded: bool = False) -> Affine:
    return as_affine(_integers(statement.read(node, env, padded), node, statement))


def _integers(read: Read, node: syntax.Subscript | syntax.Name, statement: Statement) -> Read:
    if is_integer(read.tensor.dtype):
        return read
    rank = " …" if read.positions else " ()"
    hint = f"declare it with an integer dtype: {node.name}:{rank} int64"
    why = f"{node.name} is {read.tensor.dtype}, not of an integer dtype"
    raise _refuse(why, node, statement, hint, FloatPositionError)


def _operator(node: syntax.Operator, env: Env, statement: Statement) -> Affine:
    operands = [integer(operand, env, statement) for operand in node.operands]
    first, *rest = operands
    if node.symbol == "neg":
        return -first
    if node.symbol == "+":
        return sum(rest, first)
    if node.symbol == "-":
        return first - rest[0]
    if node.symbol == "*":
        return _product(node, operands, statement)
    if node.symbol in ("//", "%"):
        return _quotient(node, first, rest[0], statement)
    text = statement.text(node)
    if node.symbol == "/":
        hint = " // ".join(statement.text(operand) for operand in node.operands)
        raise _refuse(f"{text} is a fraction", node, statement, f"the floor of the quotient is written {hint}")
    if first.is_constant and rest[0].is_constant and 0 <= rest[0].constant <= 64:
        return as_affine(first.constant ** rest[0].constant)
    raise _refuse(f"{text} is a power", node, statement)


def _product(node: syntax.Operator, factors: list[Affine], statement: Statement) -> Affine:
    if sum(_varies(factor) for factor in factors) > 1:
        raise _refuse(f"{statement.text(node)} multiplies two indices", node, statement)
    product = as_affine(1)
    for factor in factors:
        product = product * factor
    return product


def _quotient(node: syntax.Operator, top: Affine, bottom: Affine, statement: Statement) -> Affine:
    if _varies(bottom):
        raise _refuse(f"{statement.text(node)} divides by an index", node, statement)
    if bottom.is_constant and bottom.constant <= 0:
        message = f"the divisor of '{node.symbol}' must be positive, and this is {bottom.constant}"
        raise statement.fault(message, node.operands[1])
    return floor_div(top, bottom) if node.symbol == "//" else modulo(top, bottom)


def _varies(form: Affine) -> bool:
    """Whether a form depends on an index or on data."""
    return bool(free(form)) or any(isinstance(atom, Read) for atom in atoms(form))


def exact(text: str) -> Fraction | None:
    """The number that ``text`` writes, exactly; None where it has too many digits, or is too large for float64.

    >>> exact("1e-5")
    Fraction(1, 100000)
    """
    _, _, exponent = text.lower().partition("e")
    if len(text) > 400 or abs(int(exponent or 0)) > 400:
        return None
    number = Fraction(text)
    return number if number < _BEYOND else None


def excess(text: str) -> str:
    """What is wrong with a number for which `exact` finds nothing."""
    return f"this number {'has too many digits' if len(text) > 400 else 'is too large for float64'}"

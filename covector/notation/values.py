"""Element expressions: from the syntax of a value to the IR, keeping the structure that the user wrote."""

from __future__ import annotations

from fractions import Fraction

from covector.errors import CovectorError, DtypeError, UnknownNameError, nearest
from covector.ir import Affine, Apply, Bracket, Expr, Index, Literal, Read, Reduce, ScalarFunction, Select, as_affine
from covector.ir.affine import atoms
from covector.ir.element import dtype
from covector.notation import syntax
from covector.notation.build import REDUCTIONS
from covector.notation.integers import NotAnIntegerError, UnboundIndexError, exact, excess, integer
from covector.notation.scope import NAN, NAN_HINT, Number, names_in
from covector.notation.statement import Env, Statement
from covector.notation.syntax import Syntax
from covector.ops import OPERATIONS, SCALARS

DELTAS = ("delta", "δ")
SPECIAL = ("select", "stop", "pad", *DELTAS)

_ARITHMETIC = {"+": "add", "-": "sub", "*": "mul", "/": "div", "**": "pow", "neg": "neg"}
_COMPARISONS = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le"}
_CONNECTIVES = ("and", "or", "not")
_ELSEWHERE = {"where": "select(condition, a, b)", "ln": "log"}

# Stands in a Select for "the read lies inside the bounds", which cannot be said before the extents are known.
INSIDE = ScalarFunction("inside", (), (), bool, result="bool")


def value(node: Syntax, env: Env, statement: Statement) -> Expr:
    """The IR of an element expression."""
    if isinstance(node, syntax.Number):
        return _number(node, statement)
    if isinstance(node, syntax.Name):
        return _name(node, env, statement)
    if isinstance(node, syntax.Subscript):
        if node.name == "nan":
            raise statement.fault(NAN, node, NAN_HINT)
        return statement.read(node, env)
    if isinstance(node, syntax.Operator):
        return _operator(node, env, statement)
    if isinstance(node, syntax.Reduction):
        return _reduction(node, env, statement)
    if isinstance(node, syntax.Iverson):
        return Bracket(condition(node.condition, env, statement))
    if isinstance(node, syntax.Call):
        return _call(node, env, statement)
    raise _matrix_form(node, statement)


def condition(node: Syntax, env: Env, statement: Statement) -> Expr:
    """The IR of a condition.

    Raises `DtypeError` where it is none.
    """
    if isinstance(node, syntax.Operator) and node.symbol in _COMPARISONS:
        return Apply(SCALARS[_COMPARISONS[node.symbol]], _sides(node.operands, env, statement))
    if isinstance(node, syntax.Operator) and node.symbol in _CONNECTIVES:
        # In `i > 0 and x[i-1] > 0` the first condition keeps the read of the second inside the bounds.
        guards = [names_in(operand) if node.symbol == "and" else frozenset() for operand in node.operands]
        pairs = zip(node.operands, _others(guards), strict=True)
        operands = tuple(condition(operand, env.guarded(names), statement) for operand, names in pairs)
        return _applied(SCALARS[node.symbol], operands)
    found = value(node, env, statement)
    if dtype(found) != "bool":
        text = statement.text(node)
        hint = f"write a comparison, such as {text} != 0"
        raise statement.fault(f"a condition is wanted here, and {text} is {dtype(found)}", node, hint, DtypeError)
    return found


def is_condition(node: Syntax) -> bool:
    """Whether the syntax says that a node is a condition."""
    return isinstance(node, syntax.Operator) and (node.symbol in _COMPARISONS or node.symbol in _CONNECTIVES)


def _operand(node: Syntax, env: Env, statement: Statement) -> Expr:
    """A value that arithmetic uses: a condition must be put in brackets, which make it 1 or 0."""
    if is_condition(node):
        text = statement.text(node).removeprefix("(").removesuffix(")")
        hint = f"[{text}] is 1 where it holds and 0 elsewhere"
        raise statement.fault("a condition stands where a number is wanted", node, hint)
    return value(node, env, statement)


def _sides(pair: tuple[Syntax, ...], env: Env, statement: Statement) -> tuple[Expr, ...]:
    """The sides of a comparison: integer expressions where both are, for the calculus can solve those."""
    reads = len(statement.sites)
    try:
        sides = tuple(integer(side, env, statement) for side in pair)
    except (NotAnIntegerError, UnboundIndexError):
        del statement.sites[reads:]
        return tuple(_operand(side, env, statement) for side in pair)
    statement.compared.append(sides)
    return sides


def _applied(function: ScalarFunction, operands: tuple[Expr, ...]) -> Expr:
    """A function of its operands, from the left where it takes two at a time."""
    if function.variadic or len(operands) <= 2:
        return Apply(function, operands)
    result = operands[0]
    for operand in operands[1:]:
        result = Apply(function, (result, operand))
    return result


def _number(node: syntax.Number, statement: Statement) -> Literal:
    number = exact(node.text)
    if number is None:
        raise statement.fault(excess(node.text), node, "the largest float64 is about 1.8e308")
    return Literal(number)


def literal(number: Number) -> Literal:
    """A plain number as a literal: exact, and a decimal as it is written (0.1 is 1/10)."""
    if isinstance(number, (bool, Fraction)):
        return Literal(number)
    if isinstance(number, float) and (number != number or number in (float("inf"), float("-inf"))):
        return Literal(number)
    return Literal(Fraction(repr(number)))


def _name(node: syntax.Name, env: Env, statement: Statement) -> Expr:
    scope, name = statement.scope, node.name
    if name in env.indices:
        return as_affine(env.indices[name])
    if name in scope.values:
        return scope.values[name]
    if name in scope.parameters:
        number = scope.parameters[name]
        return number if isinstance(number, Affine) else literal(number)
    if name in scope.tensors or name in statement.unknown:
        return statement.scalar(node)
    if name in scope.extents or name in statement.extents:
        return scope.extents[name] if name in scope.extents else statement.extents[name]
    if name in ("true", "false"):
        return Literal(name == "true")
    if name == "inf":
        return Literal(float("inf"))
    if name == "pi":
        return Apply(SCALARS["pi"], ())
    if name == "nan":
        raise statement.fault(NAN, node, NAN_HINT)
    return statement.scalar(node)


def _operator(node: syntax.Operator, env: Env, statement: Statement) -> Expr:
    symbol = node.symbol
    if is_condition(node):
        return condition(node, env, statement)
    if symbol in ("//", "%"):
        try:
            return integer(node, env, statement)
        except NotAnIntegerError as error:
            raise error.said_of(f"'{symbol}' takes integer expressions") from None
    if symbol not in _ARITHMETIC:
        raise _matrix_form(node, statement)
    guards = _others([_guards(operand) if symbol == "*" else frozenset() for operand in node.operands])
    pairs = zip(node.operands, guards, strict=True)
    operands = tuple(_operand(operand, env.guarded(names), statement) for operand, names in pairs)
    return _applied(SCALARS[_ARITHMETIC[symbol]], operands)


def _others(guards: list[frozenset[str]]) -> list[frozenset[str]]:
    """For each operand the names that guard it: those of all the others."""
    nothing: frozenset[str] = frozenset()
    if not any(guards):
        return guards
    return [nothing.union(*guards[:at], *guards[at + 1 :]) for at in range(len(guards))]


def _guards(node: Syntax) -> frozenset[str]:
    """The names in the brackets that are factors of a product."""
    if isinstance(node, syntax.Iverson):
        return names_in(node)
    if isinstance(node, syntax.Call) and node.function in DELTAS:
        return names_in(node)
    if isinstance(node, syntax.Operator) and node.symbol == "*":
        return frozenset().union(*map(_guards, node.operands))
    if isinstance(node, syntax.Operator) and node.symbol in ("/", "neg"):
        return _guards(node.operands[0])
    return frozenset()


def _reduction(node: syntax.Reduction, env: Env, statement: Statement) -> Expr:
    indices: dict[str, Index] = {}
    for binding in node.indices:
        form = f"{node.operation}[{binding.name}:…](…)"
        indices[binding.name] = statement.bind(binding, env.bound(indices), form)
    inner, bound = env.bound(indices), tuple(indices.values())
    if node.operation in ("any", "all"):
        return Reduce(node.operation, bound, condition(node.body, inner, statement))
    body = _operand(node.body, inner, statement)
    if node.operation != "mean":
        return Reduce(node.operation, bound, body)
    count = as_affine(1)
    for index in bound:
        count = count * index.extent
    return Apply(SCALARS["div"], (Reduce("sum", bound, body), count))


def _call(node: syntax.Call, env: Env, statement: Statement) -> Expr:
    name, arguments = node.function, node.arguments
    if name not in SPECIAL and name not in SCALARS:
        raise _unknown_function(node, statement)
    if node.keywords:
        raise statement.fault(f"{name} takes no keyword '{node.keywords[0][0]}' in element form", node)
    if name == "pad":
        return _pad(node, env, statement)
    if name == "select":
        _count(node, 3, "select(condition, a, b)", statement)
        inside = env.guarded(names_in(arguments[0]))
        branches = (value(branch, inside, statement) for branch in arguments[1:])
        return Select(condition(arguments[0], env, statement), *branches)
    if name in DELTAS:
        _count(node, 2, f"{name}(i, j)", statement)
        return Bracket(Apply(SCALARS["eq"], _delta(arguments[0], arguments[1], env, statement)))
    function = SCALARS[name]
    if not function.variadic or not arguments:
        _count(node, len(function.parameters), f"{name}({', '.join(function.parameters)})", statement)
    wanted = condition if name in _CONNECTIVES else _operand
    return Apply(function, tuple(wanted(argument, env, statement) for argument in arguments))


def _delta(left: Syntax, right: Syntax, env: Env, statement: Statement) -> tuple[Expr, Expr]:
    """The sides of a Kronecker delta, in which a name that is not known is an index that somebody forgot to bind."""
    reads = len(statement.sites)
    try:
        sides = integer(left, env, statement), integer(right, env, statement)
    except NotAnIntegerError:
        del statement.sites[reads:]
        return _operand(left, env, statement), _operand(right, env, statement)
    statement.compared.append(sides)
    return sides


def _count(node: syntax.Call, wanted: int, form: str, statement: Statement) -> None:
    given = len(node.arguments)
    if given != wanted:
        takes = "1 argument" if wanted == 1 else f"{wanted} arguments"
        message = f"{node.function} takes {takes}, and {given} {'is' if given == 1 else 'are'} given"
        raise statement.fault(message, node, f"write {form}")


def _pad(node: syntax.Call, env: Env, statement: Statement) -> Expr:
    arguments = node.arguments
    if not arguments or not isinstance(arguments[0], syntax.Subscript) or len(arguments) > 2:
        hint = "write pad(x[2*y+p-1]), which is 0 outside the bounds of x, or pad(x[2*y+p-1], -inf)"
        raise statement.fault("pad takes a read, and perhaps a value", node, hint)
    read = statement.read(arguments[0], env, padded=True)
    if len(arguments) == 1:
        # A read at data says itself where it is zero: only the bounds of the other reads can be proved.
        data = any(isinstance(atom, Read) for position in read.positions for atom in atoms(position))
        return Select(Apply(INSIDE, ()), read, Literal(Fraction(0))) if data else read
    return Select(Apply(INSIDE, ()), read, _operand(arguments[1], env, statement))


def inside(read_positions: tuple[Affine, ...], shape: tuple[Affine, ...], surely: tuple[bool, ...]) -> Expr:
    """The condition under which a read lies inside the bounds; axes on which it surely does are left out."""
    parts: list[Expr] = []
    for position, extent, sure in zip(read_positions, shape, surely, strict=True):
        if not sure:
            parts.append(Apply(SCALARS["le"], (as_affine(0), position)))
            parts.append(Apply(SCALARS["lt"], (position, extent)))
    return _applied(SCALARS["and"], tuple(parts)) if parts else Literal(True)


def _unknown_function(node: syntax.Call, statement: Statement) -> CovectorError:
    name = node.function
    message = f"unknown function '{name}'"
    if name in REDUCTIONS:
        hint = f"in element form a reduction names its index: {name}[k](…)"
        if name in ("max", "min"):
            hint += f"; of two values, write {name}imum(a, b)"
        return statement.fault(f"{name}(…) lacks its index", node, hint)
    if name in OPERATIONS:
        hint = (
            f"give it a statement of its own, y = {name}({', '.join(OPERATIONS[name].arguments)}), and read y[…] here"
        )
        return statement.fault(f"'{name}' takes whole arrays and cannot stand in element form", node, hint)
    if name in statement.scope.tensors:
        return statement.fault(
            f"'{name}' is a tensor, not a function", node, f"a read takes square brackets: {name}[…]"
        )
    operators = {*_ARITHMETIC.values(), *_COMPARISONS.values(), *_CONNECTIVES}
    called = [other for other in SCALARS if other not in operators]
    close = _ELSEWHERE.get(name) or nearest(name, [*called, *REDUCTIONS, *SPECIAL])
    hint = f"did you mean {close}?" if close else "covector ops lists the functions"
    return statement.fault(message, node, hint, UnknownNameError)


def _matrix_form(node: Syntax, statement: Statement) -> CovectorError:
    """What belongs to matrix form, or to a call, and stands in element form."""
    if isinstance(node, syntax.Operator):
        return statement.fault("'@' is matrix form", node, "in element form write sum[k](a[i,k] * b[k,j])")
    if isinstance(node, syntax.Transpose):
        return statement.fault("'.T' is matrix form", node, "in element form read with the indices exchanged: a[j,i]")
    if isinstance(node, syntax.Ellipsis):
        return statement.fault("'...' stands for leading axes of a read", node, "write x[..., j]")
    return statement.fault(f"{statement.text(node)} is no value", node)

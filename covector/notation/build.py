"""From the parser's reductions to the syntax tree: one method for each rule of the grammar.

Faults that no grammar can state are raised here, as a `NotationError` with a span; the caller adds the source.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from lark import Token, Transformer

from covector.errors import NotationError, nearest
from covector.notation import syntax
from covector.notation.syntax import Span, Syntax

REDUCTIONS = ("sum", "prod", "max", "min", "mean", "any", "all")
DTYPES = ("bool", "int32", "int64", "float32", "float64")
MAX_DEPTH = 100

_SIGNS_OF_REDUCTION = {"Σ": "sum", "∑": "sum", "Π": "prod", "∏": "prod"}
_OPERATORS = {"−": "-", "·": "*", "⋅": "*", "=": "==", "≠": "!=", "≤": "<=", "≥": ">="}
_MIRRORED = {">": "<", ">=": "<="}
_SPELLINGS = str.maketrans({"′": "'", "’": "'", "µ": "μ"})
_CONSTANTS = {"True": "true", "False": "false", "NaN": "nan"}
_DTYPE_STEMS = ("float", "int", "uint", "bool", "complex", "bfloat", "half", "double")


def _fields(node: Syntax) -> tuple[str, ...]:
    """The names of a node's fields, without its span."""
    names: tuple[str, ...] = type(node).__match_args__
    return names[1:]


def children(node: Syntax) -> Iterator[Syntax]:
    """The nodes directly below ``node``, in order.

    >>> from covector.notation.parse import parse_expression
    >>> [child.name for child in children(parse_expression("a + b"))]
    ['a', 'b']
    """
    for field in _fields(node):
        value = getattr(node, field)
        if isinstance(value, Syntax):
            yield value
        elif isinstance(value, tuple):
            for item in value:
                part = item[1] if isinstance(item, tuple) else item
                if isinstance(part, Syntax):
                    yield part


def check_depth(roots: Sequence[Syntax]) -> None:
    """Refuse a tree deeper than ``MAX_DEPTH``, so that whoever walks it may do so recursively.

    Raises `NotationError` without a source.
    """
    level, depth = list(roots), 0
    while level:
        depth += 1
        if depth > MAX_DEPTH + 1:
            message = f"this is nested deeper than {MAX_DEPTH} levels"
            hint = "name a part of it in a statement of its own; a chain such as a - b + c - … nests a level a term"
            raise _fault(message, level[0].span, hint)
        level = [child for node in level for child in children(node)]


def read_name(text: str) -> str:
    """The one spelling of a name that can be typed in several ways.

    >>> read_name("x′"), read_name("True")
    ("x'", 'true')
    """
    plain = unicodedata.normalize("NFC", text).translate(_SPELLINGS)
    return _CONSTANTS.get(plain, plain)


def _fault(message: str, span: Span, hint: str | None = None) -> NotationError:
    return NotationError(message, span=(span.start, span.end), hint=hint)


def _of(token: Token) -> Span:
    start = token.start_pos or 0
    return Span(start, start + len(token))


def _across(first: Token | Syntax, last: Token | Syntax) -> Span:
    start = _of(first).start if isinstance(first, Token) else first.span.start
    return Span(start, _of(last).end if isinstance(last, Token) else last.span.end)


def _operator(symbol: str, operands: Sequence[Syntax]) -> syntax.Operator:
    return syntax.Operator(_across(operands[0], operands[-1]), symbol, tuple(operands))


def _widened(node: Syntax, span: Span) -> Syntax:
    """``node`` with its brackets or its plus sign inside its span."""
    return type(node)(span, *(getattr(node, field) for field in _fields(node)))


def _chain(parts: Sequence[Any]) -> Syntax:
    """A left-associative chain; neighbours under one ``+`` or ``*`` become one flat operator."""
    run: list[Syntax] = [parts[0]]
    symbol = ""
    for sign, operand in zip(parts[1::2], parts[2::2], strict=True):
        following = _OPERATORS.get(sign.value, sign.value)
        if symbol and (following != symbol or symbol not in "+*"):
            run = [_operator(symbol, run)]
        symbol = following
        run.append(operand)
    return _operator(symbol, run)


def _comparison(sign: Token, left: Syntax, right: Syntax) -> Syntax:
    symbol = _OPERATORS.get(sign.value, sign.value)
    operands = (right, left) if symbol in _MIRRORED else (left, right)
    return syntax.Operator(_across(left, right), _MIRRORED.get(symbol, symbol), operands)


def _is_condition(node: Syntax) -> bool:
    conditions = ("==", "!=", "<", "<=", "and", "or", "not")
    return isinstance(node, syntax.Operator) and node.symbol in conditions


def _refuse_chain_within(middle: Syntax) -> None:
    """Both comparisons of a chain share its middle: chains within middles would double a walk at every level."""
    pending = [middle]
    while pending:
        node = pending.pop()
        if _is_condition(node):
            hint = "write two comparisons joined by 'and'"
            raise _fault("the middle of a chain of comparisons cannot hold a condition", node.span, hint)
        pending += children(node)


def _bindings(entries: Sequence[Syntax], purpose: str) -> tuple[syntax.IndexBinding, ...]:
    """The entries between brackets as indices that are bound there."""
    bound: dict[str, syntax.IndexBinding] = {}
    for entry in entries:
        if isinstance(entry, syntax.Name):
            entry = syntax.IndexBinding(entry.span, entry.name, None)
        if not isinstance(entry, syntax.IndexBinding):
            what = "'...' cannot stand here" if isinstance(entry, syntax.Ellipsis) else "this cannot be bound"
            raise _fault(f"{what}: an index is a plain name, or a name with its extent", entry.span, purpose)
        if entry.name in bound:
            raise _fault(f"the index '{entry.name}' is bound twice", entry.span, "give each index a name of its own")
        bound[entry.name] = entry
    return tuple(bound.values())


def _is_dtype_like(name: str) -> bool:
    return name.rstrip("0123456789") in _DTYPE_STEMS


class _Subscript:
    """``name[entries]`` before it is known to be a read, a reduction or the left side of a definition."""

    def __init__(self, name: Token, entries: Sequence[Syntax], span: Span) -> None:
        self.token, self.entries, self.span = name, tuple(entries), span


class Builder(Transformer[Token, Any]):
    """The callbacks of the parser, each given the parts of its rule in order."""

    def program(self, parts: list[Any]) -> list[Any]:
        return parts

    def definition(self, parts: list[Any]) -> Syntax:
        target, body = parts
        if isinstance(target, Token):
            return syntax.Definition(_across(target, body), read_name(target), None, False, body)
        entries = target.entries
        ellipsis = bool(entries) and isinstance(entries[0], syntax.Ellipsis)
        hint = "define every element at once; for cases use select(condition, a, b) or a bracket [condition]"
        indices = _bindings(entries[1:] if ellipsis else entries, hint)
        span = Span(target.span.start, body.span.end)
        return syntax.Definition(span, read_name(target.token), indices, ellipsis, body)

    def declaration(self, parts: list[Any]) -> Syntax:
        name, *extents = parts
        last, dtype = extents[-1], None
        if isinstance(last, Token) and last.value in DTYPES:
            dtype = last.value
            extents.pop()
            if not extents:
                hint = f"a scalar is declared with (): {name}: () {dtype}"
                raise _fault("a dtype follows the extents, and here is none", _of(last), hint)
        elif isinstance(last, Token) and _is_dtype_like(last):
            raise _fault(f"unknown dtype '{last}'", _of(last), f"a dtype is one of {' '.join(DTYPES)}")
        found = _extents(extents)
        return syntax.Declaration(_across(name, parts[-1]), read_name(name), found, dtype)

    def disjunction(self, parts: list[Any]) -> Syntax:
        return _operator("or", parts)

    def conjunction(self, parts: list[Any]) -> Syntax:
        return _operator("and", parts)

    def negation(self, parts: list[Any]) -> Syntax:
        return syntax.Operator(_across(*parts), "not", (parts[1],))

    def comparison(self, parts: list[Any]) -> Syntax:
        for middle in parts[2:-1:2]:
            _refuse_chain_within(middle)
        pairs = [_comparison(parts[k], parts[k - 1], parts[k + 1]) for k in range(1, len(parts), 2)]
        if len(pairs) == 1:
            return pairs[0]
        return syntax.Operator(_across(parts[0], parts[-1]), "and", tuple(pairs))

    def additive(self, parts: list[Any]) -> Syntax:
        return _chain(parts)

    def multiplicative(self, parts: list[Any]) -> Syntax:
        return _chain(parts)

    def signed(self, parts: list[Any]) -> Syntax:
        sign, operand = parts
        span = _across(sign, operand)
        return _widened(operand, span) if sign == "+" else syntax.Operator(span, "neg", (operand,))

    def power(self, parts: list[Any]) -> Syntax:
        return _operator("**", parts)

    def transpose(self, parts: list[Any]) -> Syntax:
        return syntax.Transpose(_across(*parts), parts[0])

    def number(self, parts: list[Any]) -> Syntax:
        return syntax.Number(_of(parts[0]), parts[0].value)

    def string(self, parts: list[Any]) -> Syntax:
        return syntax.Text(_of(parts[0]), parts[0].value[1:-1])

    def name(self, parts: list[Any]) -> Syntax:
        return syntax.Name(_of(parts[0]), read_name(parts[0]))

    def group(self, parts: list[Any]) -> Syntax:
        return _widened(parts[1], _across(parts[0], parts[2]))

    def iverson(self, parts: list[Any]) -> Syntax:
        return syntax.Iverson(_across(parts[0], parts[2]), parts[1])

    def derivative(self, parts: list[Any]) -> Syntax:
        first, of, sign, _, by = parts
        if sign.value != "/":
            raise _fault("a derivative is a quotient", _of(sign), "write ∂y[p]/∂x[i]")
        return syntax.Derivative(_across(first, by), of, by)

    def gradient(self, parts: list[Any]) -> Syntax:
        return syntax.Derivative(_across(*parts), None, parts[1])

    def subscript(self, parts: list[Any]) -> _Subscript:
        name, _, *entries, close = parts
        for entry in entries[1:]:
            if isinstance(entry, syntax.Ellipsis):
                raise _fault("'...' stands for leading axes and comes first", entry.span, f"write {name}[..., j]")
        return _Subscript(name, entries, _across(name, close))

    def binding(self, parts: list[Any]) -> Syntax:
        index, extent = parts
        if not isinstance(index, syntax.Name):
            hint = "an extent belongs to an index, as in sum[k:3](…); there are no slices"
            raise _fault("what stands before ':' must be an index", index.span, hint)
        return syntax.IndexBinding(_across(index, extent), index.name, extent)

    def ellipsis(self, parts: list[Any]) -> Syntax:
        return syntax.Ellipsis(_of(parts[0]))

    def read(self, parts: list[Any]) -> Syntax:
        (read,) = parts
        name = read_name(read.token)
        for entry in read.entries:
            if isinstance(entry, syntax.IndexBinding):
                hint = "give extents where an index is bound: on the left side, or in sum[k:3](…)"
                raise _fault("a read takes positions, not extents", entry.span, hint)
            if _is_condition(entry):
                hint = f"for a product with a bracket write {name} * [condition]"
                raise _fault("a condition cannot be a position", entry.span, hint)
        return syntax.Subscript(read.span, name, read.entries)

    def reduction(self, parts: list[Any]) -> Syntax:
        head, _, body, close = parts
        operation = _SIGNS_OF_REDUCTION.get(head.token.value, head.token.value)
        if operation not in REDUCTIONS:
            raise _unknown_reduction(head.token)
        if not head.entries:
            raise _fault("a reduction needs an index to run over", head.span, f"write {head.token}[k](…)")
        indices = _bindings(head.entries, f"a reduction runs over indices: {operation}[k](…) or {operation}[k:3](…)")
        return syntax.Reduction(_across(head.token, close), operation, indices, body)

    def call(self, parts: list[Any]) -> Syntax:
        name, _, *arguments, close = parts
        _refuse_subscripted_word(name)
        positional = tuple(argument for argument in arguments if isinstance(argument, Syntax))
        keywords = tuple(_keywords(arguments).items())
        return syntax.Call(_across(name, close), read_name(name), positional, keywords)

    def keyword(self, parts: list[Any]) -> tuple[str, Syntax, Token]:
        return read_name(parts[0]), parts[1], parts[0]

    def sequence(self, parts: list[Any]) -> Syntax:
        return syntax.Sequence(_across(parts[0], parts[-1]), tuple(parts[1:-1]))


def _keywords(arguments: Sequence[Any]) -> dict[str, Syntax]:
    """The keyword arguments, which follow the others and differ in name."""
    found: dict[str, Syntax] = {}
    for argument in arguments:
        if isinstance(argument, Syntax):
            if found:
                raise _fault("an argument without a keyword cannot follow one with a keyword", argument.span)
            continue
        key, value, token = argument
        if key in found:
            raise _fault(f"the keyword '{key}' is given twice", _of(token))
        found[key] = value
    return found


def _unknown_reduction(name: Token) -> NotationError:
    close = nearest(name, REDUCTIONS)
    if close:
        return _fault(f"unknown reduction '{name}'; did you mean '{close}'?", _of(name), f"write {close}[k](…)")
    hint = f"the reductions are {' '.join(REDUCTIONS)}; a product is written {name}[…] * (…)"
    return _fault(f"unknown reduction '{name}'", _of(name), hint)


def _refuse_subscripted_word(name: Token) -> None:
    """``sum_k(…)`` is how people write a sum over k; no operation has a name like it."""
    stem, _, index = name.rpartition("_")
    operation = _SIGNS_OF_REDUCTION.get(stem, stem)
    if operation in REDUCTIONS and len(index) == 1 and index.isalpha():
        raise _fault(f"unknown operation '{name}'", _of(name), f"a reduction is written {stem}[{index}](…)")


def _extents(parts: Sequence[Any]) -> tuple[Syntax, ...]:
    """The extents of a declaration; one sequence in parentheses, ``(N, 3)`` or ``()``, holds all of them."""
    if len(parts) == 1 and isinstance(parts[0], syntax.Sequence):
        return tuple(_extent(item) for item in parts[0].items)
    return tuple(_extent(part) for part in parts)


def _extent(part: Token | Syntax) -> Syntax:
    if isinstance(part, Token):
        if part in DTYPES:
            raise _fault("the dtype comes after the extents", _of(part), f"write the extents first, then {part}")
        number = part.type == "NUMBER"
        part = syntax.Number(_of(part), part.value) if number else syntax.Name(_of(part), read_name(part))
    if isinstance(part, syntax.Sequence):
        raise _fault("a list cannot stand among extents", part.span, "write them one after the other: N M 3")
    if isinstance(part, syntax.Number) and not part.text.isdecimal():
        raise _fault("an extent is a whole number", part.span)
    return part

"""From text to tokens: the limits on hostile text, the brackets, and what a line end and an ``=`` mean inside them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

from lark import Token, UnexpectedCharacters

from covector.errors import NotationError

MAX_CHARACTERS = 1_000_000
MAX_TOKENS = 100_000
MAX_BRACKETS = 100
MAX_DIGITS = 400
MAX_EXPONENT = 400
MAX_NAME = 200

# Controls, invisible characters, bidirectional overrides (which show a reader another text than is read) and halves
# of surrogate pairs.
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
_CLOSERS = {"LPAR": "RPAR", "LSQB": "RSQB"}
_SIGNS = {"RPAR": ")", "RSQB": "]"}

_INSTEAD = {
    "&": "write 'and'",
    "|": "write 'or'; an absolute value is abs(a)",
    "!": "write 'not', or '!=' for unequal",
    "~": "write 'not'",
    "²": "write **2",
    "³": "write **3",
    "√": "write sqrt(a)",
    "÷": "write '/'",
    "–": "write '-'",
    "—": "write '-'",
    "∞": "write inf",
    "∙": "write '*'",
    "•": "write '*'",
    "{": "brackets are ( ) and [ ]",
    "}": "brackets are ( ) and [ ]",
    "\\": "a line goes on while a bracket is open; no sign is needed for that",
    "“": "write strings with straight quotes",
    "”": "write strings with straight quotes",
    "‘": "write strings with straight quotes",
    "→": "write name = expression",
    "∈": "write the extent of an index as k:3",
    "ᵀ": "write a.T",
    "⊤": "write a.T",
}


@dataclass(frozen=True, slots=True)
class Bracket:
    """An open bracket: its token, what it opens (group, call, subscript, iverson), and what ``=`` means inside."""

    token: Token
    kind: str
    equality: bool


@dataclass(slots=True)
class Scan:
    """The tokens of a text, and the faults found on the way that wait for an earlier one of the grammar."""

    tokens: list[Token] = field(default_factory=list)
    unread: NotationError | None = None
    unbalanced: NotationError | None = None


def check_text(source: str) -> str:
    """The text to read, as long as ``source``, once its size and its characters have been accepted.

    Raises `NotationError`.
    """
    if len(source) > MAX_CHARACTERS:
        raise NotationError(f"the text has {len(source):,} characters; the limit is {MAX_CHARACTERS:,}")
    text = source
    if source.startswith("\ufeff"):
        text = " " + source[1:]
    refused = _REFUSED.search(text)
    if refused:
        shown = _REFUSED.sub("\ufffd", source)
        character = refused.group()
        unnamed = "half of a surrogate pair" if "\ud800" <= character <= "\udfff" else "a control character"
        name = unicodedata.name(character, unnamed).lower()
        message = f"the character U+{ord(character):04X} ({name}) cannot stand in the notation"
        raise NotationError(message, source=shown, span=refused.span(), hint="remove it")
    return text


def scan(stream: Iterable[Token], text: str, *, lines: bool) -> Scan:
    """The tokens that the grammar reads; ``lines`` says whether line ends separate statements.

    Raises `NotationError` (without a source) where a limit is passed.
    """
    found = Scan()
    stack: list[Bracket] = []
    try:
        for token in stream:
            _check_limits(token, found.tokens)
            _read(token, found, stack, lines)
    except UnexpectedCharacters as error:
        found.unread = _unread(text, cast(int, error.pos_in_stream))
    if found.tokens and found.tokens[-1].type == "_SEPARATOR":
        found.tokens.pop()
    if stack and found.unbalanced is None and found.unread is None:
        found.unbalanced = _unclosed(stack[-1], None)
    return found


def span_of(token: Token) -> tuple[int, int]:
    """Where a token stands in the text."""
    start = token.start_pos or 0
    return start, start + len(token)


def _read(token: Token, found: Scan, stack: list[Bracket], lines: bool) -> None:
    """Add one token to those found."""
    tokens = found.tokens
    if token.type == "_SEPARATOR":
        blank = not (";" in token or "；" in token)
        if (blank and (stack or not lines)) or not tokens or tokens[-1].type == "_SEPARATOR":
            return
    elif token.type in _CLOSERS:
        if len(stack) == MAX_BRACKETS:
            raise NotationError(f"brackets are nested deeper than {MAX_BRACKETS} levels", span=span_of(token))
        stack.append(_opened(token, tokens, stack))
    elif token.type in _SIGNS:
        _close(token, found, stack)
    elif token.type == "_ASSIGN" and stack and stack[-1].equality:
        token = Token.new_borrow_pos("COMPARE", "=", token)
    tokens.append(token)


def _opened(token: Token, tokens: list[Token], stack: list[Bracket]) -> Bracket:
    named = bool(tokens) and tokens[-1].type == "NAME"
    if token.type == "LSQB":
        return Bracket(token, "subscript", False) if named else Bracket(token, "iverson", True)
    if named:
        return Bracket(token, "call", False)
    return Bracket(token, "group", bool(stack) and stack[-1].equality)


def _close(token: Token, found: Scan, stack: list[Bracket]) -> None:
    if not stack:
        fault = NotationError(f"nothing is open that this '{token}' could close", span=span_of(token))
        found.unbalanced = found.unbalanced or fault
    elif _CLOSERS[stack[-1].token.type] != token.type:
        found.unbalanced = found.unbalanced or _unclosed(stack[-1], token)
    else:
        stack.pop()


def _unclosed(bracket: Bracket, closer: Token | None) -> NotationError:
    sign = _SIGNS[_CLOSERS[bracket.token.type]]
    what = "is never closed" if closer is None else f"is still open where '{closer}' stands"
    return NotationError(f"this '{bracket.token}' {what}", span=span_of(bracket.token), hint=f"close it with '{sign}'")


def _check_limits(token: Token, before: list[Token]) -> None:
    """Refuse a token that is too long, one too many, or glued to a number."""
    start, end = span_of(token)
    if len(before) >= MAX_TOKENS:
        raise NotationError(f"the text has more than {MAX_TOKENS:,} words and signs", span=(start, end))
    if token.type == "NUMBER":
        _check_number(token, start, end)
    elif token.type == "NAME":
        _check_name(token, start, end)
        if before and before[-1].type == "NUMBER" and span_of(before[-1])[1] == start:
            raise _glued(before[-1], token)


def _check_number(token: Token, start: int, end: int) -> None:
    mantissa, _, exponent = token.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > MAX_DIGITS:
        message = f"a number of {len(token):,} characters; the limit is {MAX_DIGITS} digits"
        raise NotationError(message, span=(start, end))
    if exponent and abs(int(exponent)) > MAX_EXPONENT:
        message = f"the exponent of this number is beyond {MAX_EXPONENT}"
        raise NotationError(message, span=(start, end), hint="write inf for infinity")


def _check_name(token: Token, start: int, end: int) -> None:
    if len(token) > MAX_NAME:
        raise NotationError(f"a name of {len(token):,} characters; the limit is {MAX_NAME}", span=(start, end))
    if token.startswith("__"):
        message = f"'{token}' is not in the notation: names do not begin with two underscores"
        raise NotationError(message, span=(start, end))


def _glued(number: Token, name: Token) -> NotationError:
    """The error of a name that follows a number with nothing between."""
    span = (span_of(number)[0], span_of(name)[1])
    if re.fullmatch(r"[_0-9]+", name):
        digits = f"{number}{name}".replace("_", "")
        return NotationError("a number is written without underscores", span=span, hint=f"write {digits}")
    if re.fullmatch(r"x[0-9]+", name):
        hint = f"extents are separated: {number} {name[1:]}; a product is written {number}*{name}"
        return NotationError(f"a sign is missing in '{number}{name}'", span=span, hint=hint)
    message = f"a product needs its sign: '{number}{name}' is not one"
    return NotationError(message, span=span, hint=f"write {number}*{name}")


def _unread(text: str, start: int) -> NotationError:
    """The error of a character with which nothing begins."""
    character = text[start]
    attribute = re.compile(r"\.\s*(\w+)").match(text, start)
    if attribute:
        name = attribute.group(1)[:MAX_NAME]
        hint = "the one thing that follows a dot is T: a.T; an extent has a name of its own, such as M"
        return NotationError(f"'.{name}' is not in the notation", span=attribute.span(), hint=hint)
    if character in "\"'":
        hint = f"close it with {character} in the same line; it holds no backslash"
        return NotationError("this string does not end", span=(start, start + 1), hint=hint)
    message = f"the character '{character}' is not in the notation"
    return NotationError(message, span=(start, start + 1), hint=_INSTEAD.get(character))

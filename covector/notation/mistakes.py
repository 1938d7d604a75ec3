"""What to tell somebody whose text the grammar does not accept: one sentence, the place, and what would work."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from lark import Token

from covector.errors import NotationError
from covector.notation.build import REDUCTIONS
from covector.notation.tokens import span_of

_PYTHON = {
    "lambda": "define it in a statement: f[i] = …",
    "def": "define it in a statement: f[i] = …",
    "import": "every operation is there by its name",
    "from": "every operation is there by its name",
    "if": "write select(condition, a, b)",
    "else": "write select(condition, a, b)",
    "elif": "write select(condition, a, b)",
    "for": "write sum[k](…), or bind the index on the left side: y[k] = …",
    "while": "write sum[k](…), or bind the index on the left side: y[k] = …",
    "in": "give the extent of an index where it is bound: sum[k:3](…)",
    "is": "write '=='",
    "return": "write name = expression",
    "class": "a program is a list of definitions and declarations",
    "assert": "a program is a list of definitions and declarations",
    "del": "a program is a list of definitions and declarations",
    "print": "a program is a list of definitions and declarations",
}
_REDUCTION_WORDS = (*REDUCTIONS, "Σ", "∑", "Π", "∏")
_OPERAND_STARTS = ("NAME", "NUMBER", "STRING", "LPAR", "LSQB", "NOT", "PARTIAL", "NABLA")
_INFIX = ("SIGN", "FACTOR", "_POWER", "COMPARE", "_AND", "_OR")
_WORDS = {
    "NAME": "a name",
    "NUMBER": "a number",
    "LPAR": "'('",
    "LSQB": "'['",
    "_COMMA": "','",
    "_COLON": "':'",
    "_ASSIGN": "'='",
    "ELLIPSIS": "'...'",
    "PARTIAL": "'∂'",
    "NABLA": "'∇'",
    "RPAR": "')'",
    "RSQB": "']'",
    "_SEPARATOR": "the end of the line",
    "$END": "the end of the line",
}
_CLOSERS = {"LPAR": "RPAR", "LSQB": "RSQB"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the parser stopped: at ``tokens[position]``, or at the end, with the terminals it would have taken."""

    text: str
    tokens: list[Token]
    position: int
    accepted: Collection[str]
    start: str

    @property
    def found(self) -> Token | None:
        """The token at fault, or None where a line or the text ends."""
        if self.position == len(self.tokens) or self.tokens[self.position].type == "_SEPARATOR":
            return None
        return self.tokens[self.position]

    @property
    def kind(self) -> str:
        """The terminal of the token at fault."""
        return self.found.type if self.found is not None else "$END"

    @property
    def before(self) -> Token | None:
        """The token before the one at fault, in the same statement."""
        return self.tokens[self.position - 1] if self.position > self.first else None

    @property
    def after(self) -> Token | None:
        """The token after the one at fault."""
        return self.tokens[self.position + 1] if self.position + 1 < len(self.tokens) else None

    @property
    def first(self) -> int:
        """The position at which the statement begins."""
        for k in range(self.position - 1, -1, -1):
            if self.tokens[k].type == "_SEPARATOR":
                return k + 1
        return 0

    @property
    def span(self) -> tuple[int, int]:
        """The place of the token at fault, or just behind the last one."""
        if self.found is not None:
            return span_of(self.found)
        end = span_of(self.tokens[self.position - 1])[1] if self.position else 0
        return end, end + 1

    @property
    def open(self) -> list[int]:
        """The positions of the brackets that are open here."""
        stack: list[int] = []
        for k in range(self.first, self.position):
            if self.tokens[k].type in _CLOSERS:
                stack.append(k)
            elif self.tokens[k].type in _CLOSERS.values() and stack:
                stack.pop()
        return stack

    @property
    def room(self) -> str:
        """What the innermost bracket opens: call, group, subscript, iverson; '' outside of brackets."""
        stack = self.open
        if not stack:
            return ""
        return self.bracket(stack[-1])

    def bracket(self, position: int) -> str:
        """What the bracket at ``position`` opens."""
        named = position > self.first and self.tokens[position - 1].type == "NAME"
        if self.tokens[position].type == "LPAR":
            return "call" if named else "group"
        return "subscript" if named else "iverson"

    def has(self, *kinds: str) -> bool:
        """Whether one of these terminals stands in the statement before this place, outside of brackets."""
        depth = 0
        for token in self.tokens[self.first : self.position]:
            depth += (token.type in _CLOSERS) - (token.type in _CLOSERS.values())
            if depth == 0 and token.type in kinds:
                return True
        return False

    def error(self, message: str, hint: str | None = None, span: tuple[int, int] | None = None) -> NotationError:
        """The error, at this place unless another is given."""
        return NotationError(message, span=span or self.span, hint=hint)


def explain(text: str, tokens: list[Token], position: int, accepted: Collection[str], start: str) -> NotationError:
    """The error, without its source, for a parse that stopped at ``tokens[position]``, or at the end."""
    place = _Place(text, tokens, position, accepted, start)
    for advise in _ADVICE:
        error = advise(place)
        if error is not None:
            return error
    return _general(place)


def _nothing(place: _Place) -> NotationError | None:
    if place.tokens:
        return None
    if place.start == "declaration":
        return place.error("the text is empty where a shape should be", "write name:extents, such as input:M,3")
    return place.error("the text is empty where an expression should be")


def _python(place: _Place) -> NotationError | None:
    for token in (place.found, place.before):
        if token is not None and token.type == "NAME" and token in _PYTHON:
            return place.error(f"'{token}' is Python, not the notation", _PYTHON[token], span_of(token))
    return None


def _statement(place: _Place) -> NotationError | None:
    """At a statement that has neither its ``=`` nor its ``:`` yet."""
    if place.start != "program" or place.open or place.has("_ASSIGN", "_COLON"):
        return None
    if place.before is None:
        return place.error("a statement begins with a name", "write name = expression, or name: extents")
    found, after = place.found, place.after
    name = place.tokens[place.first]
    if found == "==":
        return place.error("a definition is written with one '='", f"write {_source(place)} = …")
    if found is not None and after is not None and found.type in _INFIX and after.type == "_ASSIGN":
        message = f"'{found}=' is not in the notation: nothing is updated"
        return place.error(message, "give the result a name of its own", (place.span[0], span_of(after)[1]))
    if place.kind == "_COLON":
        return place.error("a declaration names its tensor without brackets", f"write {name}: N M")
    if place.kind in ("LPAR", "TRANSPOSE", *_INFIX, "$END"):
        return place.error("this statement has no '=': it defines nothing", "write name = expression", _whole(place))
    return None


def _declaration(place: _Place) -> NotationError | None:
    """In a declaration, outside of brackets."""
    if place.open or place.has("_ASSIGN"):
        return None
    name = place.tokens[place.first]
    if not place.has("_COLON"):
        if place.start != "declaration":
            return None
        return place.error("a shape is a name, ':' and the extents", f"write {name}:M,N, or {name}:() for a scalar")
    fresh = place.before is not None and place.before.type == "_COLON"
    if place.kind == "$END" and fresh:
        return place.error(f"the extents of '{name}' are missing", f"a scalar is declared with (): {name}: ()")
    if place.kind == "_ASSIGN":
        hint = f"write {name} = expression, or declare {name} and define something else"
        return place.error("a declaration gives extents, not a value", hint)
    if place.kind in _INFIX:
        return place.error("arithmetic in an extent stands in parentheses", f"write {name}: (2*M+1)")
    if place.kind == "LSQB":
        return place.error("extents stand without square brackets", f"write {name}: N M")
    return None


def _missing(place: _Place) -> NotationError | None:
    """Two operands side by side."""
    found, before = place.found, place.before
    if found is None or before is None or found.type not in _OPERAND_STARTS or "FACTOR" not in place.accepted:
        return None
    owner = _owner(place)
    word, _, index = before.rpartition("_")
    if before.type == "NAME" and word in _REDUCTION_WORDS:
        hint = f"write {word}[{index}](…)"
        return place.error("a reduction is written with its index in brackets", hint, span_of(before))
    if before.type == "RSQB" and owner in _REDUCTION_WORDS:
        return place.error("the body of a reduction stands in parentheses", f"write {owner}[…](…)")
    if before.type == "RSQB" and found.type == "LSQB" and owner is not None:
        return place.error("positions stand in one pair of brackets", f"write {owner}[i, j]")
    if place.room in ("subscript", "call"):
        what = "positions" if place.room == "subscript" else "arguments"
        opener = place.tokens[place.open[-1]]
        head = place.tokens[place.open[-1] - 1]
        inside = place.text[span_of(opener)[0] : span_of(before)[1]]
        closer = ")" if place.room == "call" else "]"
        shown = f": {head}{inside}, {found}{closer}"
        hint = f"{what} are separated by commas{shown if len(shown) < 60 else ''}"
        return place.error(f"a comma or an operator is missing before {_quoted(found)}", hint)
    simple = before.type in ("NAME", "NUMBER") and found.type in ("NAME", "NUMBER")
    hint = f"for a product write {before} * {found}" if simple else "for a product write '*'"
    return place.error(f"an operator is missing before {_quoted(found)}", hint)


def _equals(place: _Place) -> NotationError | None:
    if place.kind != "_ASSIGN":
        return None
    if place.open or place.start != "program":
        return place.error("'=' cannot stand here", "for equality write '==' (a bracket [p = i] takes '=' too)")
    return place.error("a statement has one '='", "for equality write '=='")


def _inside(place: _Place) -> NotationError | None:
    """Signs that some brackets hold and others do not."""
    room, before = place.room, place.before
    if place.kind == "_CROSS":
        return place.error("'×' stands only between the extents of a declaration", "for a product write '*' or '·'")
    if room == "subscript" and (place.kind == "_COLON" or (before is not None and before.type == "_COLON")):
        hint = "read one element, x[i, 1], and let the index on the left side run; an extent is written k:3"
        return place.error("there are no slices in the notation", hint)
    if room == "iverson" and place.kind == "_COMMA":
        return place.error("a bracket holds one condition", "join conditions with 'and'; axes are written (0, 1)")
    if room == "iverson" and place.kind == "RSQB" and before is not None and before.type == "LSQB":
        return place.error("this bracket is empty", "a bracket holds a condition, such as [i <= j]")
    if room == "group" and place.kind == "_COMMA":
        return place.error("only an argument can be a list", "write a list of axes as f(a, axis=(0, 1))")
    separator = place.found is None and place.position < len(place.tokens)
    if separator and place.open:
        opener = place.tokens[place.open[-1]]
        return place.error(f"this '{opener}' is still open where the statement ends", None, span_of(opener))
    if separator and place.start != "program":
        return place.error("a single expression is read here, not several statements", None)
    return None


_ADVICE: tuple[Callable[[_Place], NotationError | None], ...] = (
    _nothing,
    _python,
    _statement,
    _declaration,
    _missing,
    _equals,
    _inside,
)


def _general(place: _Place) -> NotationError:
    """The error for what none of the advice is about."""
    operand = "NAME" in place.accepted and "NUMBER" in place.accepted and "FACTOR" not in place.accepted
    if place.found is None:
        what = "an operand should be" if operand else f"{_alternatives(place)} should be"
        ends = "line" if place.position < len(place.tokens) or "\n" in place.text else "text"
        hint = "a line goes on while a bracket is open" if place.start == "program" else None
        return place.error(f"the {ends} ends where {what}", hint)
    if operand:
        return place.error(f"{_quoted(place.found)} stands where an operand should be")
    return place.error(f"{_quoted(place.found)} cannot stand here", f"what can: {_alternatives(place)}")


def _alternatives(place: _Place) -> str:
    """The terminals that could have come, in words."""
    infix = any(kind in place.accepted for kind in _INFIX)
    words = ["an operator"] if infix else []
    words += [_WORDS[kind] for kind in _WORDS if kind in place.accepted and not (infix and kind in _CLOSERS)]
    words = list(dict.fromkeys(words))
    return "".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} or {words[-1]}"


def _quoted(token: Token) -> str:
    shown = str(token) if len(token) <= 40 else f"{token[:39]}…"
    return shown if token.type == "STRING" else f"'{shown}'"


def _source(place: _Place) -> str:
    """The statement up to here, as it was written."""
    start = span_of(place.tokens[place.first])[0]
    written = " ".join(place.text[start : place.span[0]].split())
    return written if len(written) < 60 else str(place.tokens[place.first])


def _whole(place: _Place) -> tuple[int, int]:
    """The span of the statement at fault."""
    last = place.first
    while last + 1 < len(place.tokens) and place.tokens[last + 1].type != "_SEPARATOR":
        last += 1
    return span_of(place.tokens[place.first])[0], span_of(place.tokens[last])[1]


def _owner(place: _Place) -> str | None:
    """The name whose subscript has just been closed."""
    depth = 0
    for k in range(place.position - 1, place.first, -1):
        kind = place.tokens[k].type
        depth += (kind in _CLOSERS.values()) - (kind in _CLOSERS)
        if depth == 0:
            return str(place.tokens[k - 1]) if place.bracket(k) == "subscript" else None
    return None

"""What the layout of a formula means: its lines, its alignment, the spaces between statements, its last full stop."""

from __future__ import annotations

from covector.errors import NotationError
from covector.notes import vocabulary
from covector.notes.lexer import Token

MAX_OPEN = 400
_GOES_ON = ("relation", "sum", "times")
_OPENS = {"group": "endgroup", "begin": "end"}


def lay_out(tokens: list[Token], source: str) -> list[Token]:
    """The tokens that the grammar reads.

    Environments that only lay out lines are gone, and so are ``&`` outside of matrices and ``\\\\`` inside of
    brackets; what separates statements (``\\\\``, ``\\quad``) is a token of kind *break*.

    Raises `NotationError` where braces or environments are not balanced.
    """
    kept = _drop_system(tokens, _partners(tokens, source))
    return _breaks(_lines(kept))


def _partners(tokens: list[Token], source: str) -> dict[int, int]:
    """For each brace and environment, the position where it ends."""
    stack: list[int] = []
    found: dict[int, int] = {}
    for k, token in enumerate(tokens):
        if token.kind in _OPENS:
            stack.append(k)
            if len(stack) > MAX_OPEN:
                raise _fault("braces are nested too deeply", token, source)
        elif token.kind in _OPENS.values():
            opener = tokens[stack[-1]] if stack else None
            if opener is None or _OPENS[opener.kind] != token.kind:
                raise _fault(f"nothing is open that {_shown(token)} could close", token, source)
            if token.kind == "end" and opener.text != token.text:
                raise _fault(f"'{opener.text}' is still open where {_shown(token)} stands", token, source)
            found[stack.pop()] = k
    if stack:
        raise _fault(f"{_shown(tokens[stack[-1]])} is never closed", tokens[stack[-1]], source)
    return found


def _shown(token: Token) -> str:
    return f"'\\{token.kind}{{{token.text}}}'" if token.kind in ("begin", "end") else f"'{token.text}'"


def _fault(message: str, token: Token, source: str) -> NotationError:
    return NotationError(message, source=source, span=(token.start, token.end))


def _drop_system(tokens: list[Token], partners: dict[int, int]) -> list[Token]:
    """Without the large brace before a system of equations, ``\\left\\{ \\begin{aligned} … \\end{aligned}
    \\right.``.
    """
    dropped: set[int] = set()
    for start, end in partners.items():
        if tokens[start].kind != "begin" or tokens[start].text not in (*vocabulary.LAYOUTS, "array") or start == 0:
            continue
        before, after = tokens[start - 1], tokens[end + 1] if end + 1 < len(tokens) else None
        if (
            before.kind == "open"
            and before.text == "{"
            and after is not None
            and (after.kind, after.text) == ("close", ".")
        ):
            dropped |= {start - 1, end + 1}
            if tokens[start].text == "array":
                dropped |= {start, end}
    return [token for k, token in enumerate(tokens) if k not in dropped]


def _lines(tokens: list[Token]) -> list[Token]:
    """Without what only aligns."""
    stack: list[str] = []
    kept: list[Token] = []
    for token in tokens:
        inside = stack[-1] if stack else ""
        if (token.kind == "begin" and token.text in vocabulary.LAYOUTS and not stack) or (
            token.kind == "end" and token.text in vocabulary.LAYOUTS and not stack
        ):
            kept.append(Token("break", "", token.start, token.end))
        elif token.kind in ("newline", "quad") and not stack:
            kept.append(Token("break", token.text, token.start, token.end))
        elif token.kind == "quad" or (token.kind in ("newline", "amp") and inside != "begin"):
            continue
        else:
            _nest(token, stack)
            kept.append(token)
    return kept


def _nest(token: Token, stack: list[str]) -> None:
    if token.kind in ("group", "open", "begin"):
        stack.append(token.kind)
    elif token.kind in ("endgroup", "close", "end") and stack:
        stack.pop()


def _breaks(tokens: list[Token]) -> list[Token]:
    """Without breaks at an operator or a relation, where the statement goes on, and without what ends a sentence."""
    kept: list[Token] = []
    for k, token in enumerate(tokens):
        if token.kind != "break":
            kept.append(token)
            continue
        following = next((t for t in tokens[k + 1 :] if t.kind != "break"), None) if _last_break(tokens, k) else token
        if kept and following is not None and following is not token:
            here = kept[-1].kind in _GOES_ON or following.kind in _GOES_ON
            if not here and kept[-1].kind != "break":
                kept.append(token)
    while kept and (kept[-1].kind in ("stop", "comma", "break") or _is_stop(kept)):
        kept.pop()
    return [token for token in kept if token.kind != "stop"]


def _last_break(tokens: list[Token], k: int) -> bool:
    return k + 1 == len(tokens) or tokens[k + 1].kind != "break"


def _is_stop(tokens: list[Token]) -> bool:
    """Whether a full stop, or a colon after something, ends the formula."""
    last = tokens[-1]
    return len(tokens) > 1 and (
        (last.kind == "times" and last.text == ".") or (last.kind == "relation" and last.text == ":")
    )

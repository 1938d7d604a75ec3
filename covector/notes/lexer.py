"""From the LaTeX of a formula to tokens, whose kinds the grammar reads."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from covector.errors import NotationError
from covector.notes import vocabulary

MAX_CHARACTERS = 20_000
MAX_TOKENS = 8_000
_LONGEST_NAME = 8

_CJK = "\u2e80-\u2fff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_PATTERN = re.compile(
    rf"""
    (?P<space>(?:[\s~\u200b\u2060\ufeff]|\\[,;:!>\ /]|%[^\n]*(?:\n|$))+)
  | (?P<letters>[A-Za-z]+(?:\\_[A-Za-z0-9]+)*)
  | (?P<number>[0-9]+(?:\.[0-9]+)?)
  | (?P<newline>\\\\(?:\*?\[[^\]\n]{{0,20}}\])?)
  | (?P<entity>&(?:lt|gt|amp|nbsp|emsp|ensp|times|middot|minus);)
  | (?P<command>\\(?:[A-Za-z]+\*?|[|{{}}&%$#_]))
  | (?P<dots>\.{{2,}}|…|⋯)
  | (?P<norm>\|\||‖)
  | (?P<assign>:=|!=|<=|>=|->|=>|==)
  | (?P<prime>'+)
  | (?P<words>[{_CJK}][{_CJK}0-9]*)
  | (?P<sign>.)
    """,
    re.VERBOSE,
)
_BRACED = re.compile(r"\s*\{([^{}$\\]*)\}")
_SPACED = re.compile(r"\s*(\\[{}|]|\\[A-Za-z]+|[^\s\\])")
_NAMESPACE = re.compile(r"\.[A-Za-z_]+(?:\.[A-Za-z_]+)*")
_ESCAPES = {"\\{": ("open", "{"), "\\}": ("close", "}"), "\\|": ("norm", "‖"), "\\&": ("word", "and")}
_DELIMITERS = {
    "(": "(", ")": ")", "[": "[", "]": "]", "\\{": "{", "\\}": "}", ".": ".", "|": "|", "\\|": "‖", "‖": "‖",
    "\\lbrace": "{", "\\rbrace": "}", "\\lbrack": "[", "\\rbrack": "]", "\\langle": "⟨", "\\rangle": "⟩",
    "\\vert": "|", "\\Vert": "‖", "\\lvert": "|", "\\rvert": "|", "\\lVert": "‖", "\\rVert": "‖", "（": "(", "）": ")",
    "<": "⟨", ">": "⟩", "/": "/",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A token: its kind, its canonical text, and its place."""

    kind: str
    text: str
    start: int
    end: int
    font: str = ""


def tokenise(source: str) -> list[Token]:
    """The tokens of a formula, spaces left out. Raises `NotationError` at the first that is not known."""
    if len(source) > MAX_CHARACTERS:
        raise NotationError(f"the formula has {len(source):,} characters; the limit is {MAX_CHARACTERS:,}")
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        match = _PATTERN.match(source, position)
        if match is None:
            raise _unread(source, position)
        position = _read(source, match, tokens)
        if len(tokens) > MAX_TOKENS:
            raise NotationError(f"the formula has more than {MAX_TOKENS:,} words and signs")
    return tokens


def _read(source: str, match: re.Match[str], tokens: list[Token]) -> int:
    """Add what ``match`` found; the position after it."""
    kind, text, start, end = match.lastgroup or "", match.group(), match.start(), match.end()
    if kind == "space":
        return end
    if kind == "entity":
        found = vocabulary.ENTITIES[text]
        if found is not None:
            tokens.append(Token(*found, start, end))
        return end
    if kind == "command":
        return _command(source, text, start, end, tokens)
    if kind == "letters":
        return _letters(source, text, start, end, tokens)
    if kind == "words":
        tokens.append(_chinese(source, text, start, end))
        return end
    if kind == "sign":
        kind, text = _sign(source, text, start)
    elif kind == "assign":
        kind, text = "relation", vocabulary.ASSIGNMENTS[text]
    elif kind == "norm":
        text = "‖"
    tokens.append(Token(kind, text, start, end))
    return end


def _letters(source: str, text: str, start: int, end: int, tokens: list[Token]) -> int:
    """A run of letters; with what follows the dot where it is a Python module."""
    if text in vocabulary.MODULES:
        rest = _NAMESPACE.match(source, end)
        if rest:
            tokens.append(Token("word", text + rest.group(), start, rest.end()))
            return rest.end()
    tokens.append(Token("letters", text.replace("\\_", "_"), start, end))
    return end


def connects(token: Token) -> bool:
    """Whether a word stands between formulas and names nothing."""
    return (token.kind == "words" and token.text in vocabulary.CONNECTIVES) or any(
        word.strip(",.:，") in vocabulary.CONNECTIVES for word in token.text.lower().split()
    )


def _chinese(source: str, text: str, start: int, end: int) -> Token:
    """Chinese in a formula: a word between statements, or a name."""
    if text in vocabulary.CONNECTIVES:
        return Token("words", text, start, end)
    if len(text) > _LONGEST_NAME or any(character in "当若则且时的是" for character in text):
        message = f"the words '{text[:20]}' inside a formula are not understood"
        raise NotationError(message, source=source, span=(start, end), hint="end the formula before them")
    return Token("word", text, start, end)


def _sign(source: str, text: str, start: int) -> tuple[str, str]:
    found = vocabulary.SIGNS.get(text)
    if found is not None:
        return found
    if "Ͱ" <= text <= "Ͽ" and text.isalpha():
        return "name", vocabulary.GREEK.get(text, text)
    if text.isalpha() and unicodedata.category(text) in ("Ll", "Lu") and not text.isascii():
        return "name", unicodedata.normalize("NFKC", text)
    raise _unread(source, start)


def _command(source: str, text: str, start: int, end: int, tokens: list[Token]) -> int:
    """A command and what belongs to it; the position after it."""
    if text in _ESCAPES:
        tokens.append(Token(*_ESCAPES[text], start, end))
        return end
    name = text[1:]
    if name in vocabulary.SIZES:
        return _delimiter(source, name, start, end, tokens)
    if name in vocabulary.TEXTS:
        return _word(source, name, start, end, tokens)
    if name in ("begin", "end"):
        return _environment(source, name, start, end, tokens)
    if name in vocabulary.IGNORED:
        return end
    if name in vocabulary.IGNORED_WITH_ARGUMENT:
        argument = _BRACED.match(source, end)
        return argument.end() if argument else end
    if name == "not":
        return _negated(source, start, end, tokens)
    found = vocabulary.COMMANDS.get(name)
    if found is None:
        raise _unknown(source, text, start, end)
    tokens.append(Token(*found, start, end))
    return end


def _negated(source: str, start: int, end: int, tokens: list[Token]) -> int:
    """``\\not=`` and ``\\not\\in``."""
    match = _SPACED.match(source, end)
    sign = {"=": "≠", "\\in": "∉"}.get(match.group(1)) if match else None
    if match is None or sign is None:
        raise NotationError("'\\not' is understood before '=' and '\\in' only", source=source, span=(start, end))
    tokens.append(Token("relation", sign, start, match.end()))
    return match.end()


def _delimiter(source: str, name: str, start: int, end: int, tokens: list[Token]) -> int:
    """``\\left(``, ``\\Big)``: the bracket after a command of size."""
    match = _SPACED.match(source, end)
    sign = _DELIMITERS.get(match.group(1)) if match else None
    if match is None or sign is None:
        raise NotationError(f"no bracket follows '\\{name}'", source=source, span=(start, end))
    side = vocabulary.SIZES[name]
    if side == "":
        side = "open" if sign in "([{⟨" else "close" if sign in ")]}⟩" else "norm" if sign == "‖" else "bar"
        if sign in "./":
            side, sign = ("times", "/") if sign == "/" else ("dots", "…")
    tokens.append(Token(side, sign, start, match.end()))
    return match.end()


def _word(source: str, name: str, start: int, end: int, tokens: list[Token]) -> int:
    """``\\text{…}`` and ``\\mathrm{…}``: one word, or words."""
    match = _BRACED.match(source, end) or _SPACED.match(source, end)
    if match is None or "\\" in match.group(1) or match.group(1) in "{}":
        hint = "write plain letters in its braces"
        raise NotationError(f"what '\\{name}' holds is not understood", source=source, span=(start, end), hint=hint)
    text = " ".join(match.group(1).split())
    if text:
        tokens.append(Token("word", text, start, match.end(), font=name))
    return match.end()


def _environment(source: str, name: str, start: int, end: int, tokens: list[Token]) -> int:
    match = _BRACED.match(source, end)
    if match is None:
        raise NotationError(f"the name of an environment must follow '\\{name}'", source=source, span=(start, end))
    environment, last = match.group(1).strip().rstrip("*"), match.end()
    if environment not in vocabulary.ENVIRONMENTS:
        message = f"the environment '{environment[:40]}' is not understood"
        raise NotationError(message, source=source, span=(start, last))
    if name == "begin" and environment in ("array", "alignat", "alignedat"):
        columns = _BRACED.match(source, last)
        last = columns.end() if columns else last
    tokens.append(Token(name, environment, start, last))
    return last


def _unknown(source: str, text: str, start: int, end: int) -> NotationError:
    if text[1:] in vocabulary.MACROS:
        message = f"'{text}' defines a macro: macros are not read"
        return NotationError(message, source=source, span=(start, end), hint="write out what the macro stands for")
    return NotationError(f"the command '{text[:40]}' is not understood", source=source, span=(start, end))


def _unread(source: str, start: int) -> NotationError:
    character = source[start]
    if character.isprintable():
        message = f"the character '{character}' is not understood in a formula"
    else:
        message = f"the character U+{ord(character):04X} cannot stand in a formula"
    shown = "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in source)
    return NotationError(message, source=shown, span=(start, start + 1))

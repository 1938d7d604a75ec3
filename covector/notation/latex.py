r"""How each form looks in LaTeX, within what KaTeX (strict) and MathJax both read.

Names of several letters are upright, Greek names become Greek letters, and whatever LaTeX would take for a command is
escaped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from covector.notation.styles import Bound, Level, Piece, Unicode, filled

# As Unicode calls them: the letter lambda is "lamda" there.
_GREEK = {
    unicodedata.lookup(f"GREEK SMALL LETTER {name}"): name.replace("lamda", "lambda")
    for name in re.findall(
        r"\w+",
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu nu xi pi rho sigma tau upsilon phi chi psi "
        "omega",
    )
}
_CAPITALS = {
    unicodedata.lookup(f"GREEK CAPITAL LETTER {name}"): name.replace("Lamda", "Lambda")
    for name in re.findall(r"\w+", "Gamma Delta Theta Lamda Xi Pi Sigma Upsilon Phi Psi Omega")
}
_COMMANDS: Mapping[str, str] = {
    **{name: f"\\{name}" for name in (*_GREEK.values(), *_CAPITALS.values())},
    "eps": r"\varepsilon",
}
_LETTERS: Mapping[str, str] = {
    **{letter: f"\\{name}" for letter, name in (_GREEK | _CAPITALS).items()},
    "ς": r"\varsigma",
    "ο": "o",
    "∞": r"\infty",
    "∂": r"\partial",
    "∇": r"\nabla",
}
_ACCENTS: Mapping[str, str] = {
    "\u0300": "grave",
    "\u0301": "acute",
    "\u0302": "hat",
    "\u0303": "tilde",
    "\u0304": "bar",
    "\u0306": "breve",
    "\u0307": "dot",
    "\u0308": "ddot",
    "\u030c": "check",
    "\u20d7": "vec",
}
_SPECIAL: Mapping[str, str] = {
    "\\": r"\backslash ",
    "~": r"\sim ",
    "^": r"\wedge ",
    **{character: f"\\{character}" for character in "_#$%&{}"},
}
_RUNS = re.compile(
    r"(?P<word>[A-Za-z][A-Za-z0-9_]*)|(?P<digits>[0-9]+)|(?P<ascii>[\x21-\x7e])|(?P<space>\s)|(?P<other>[^\x00-\x7f])"
)


@lru_cache(maxsize=4096)
def latex_name(name: str) -> str:
    r"""A name of the user in LaTeX, ready to take a subscript.

    >>> latex_name("x"), latex_name("weight"), latex_name("xhat"), latex_name("sigma2"), latex_name("grad_out")
    ('x', '\\mathrm{weight}', '\\hat{x}', '{\\sigma_{2}}', '\\mathrm{grad\\_out}')
    """
    plain = unicodedata.normalize("NFKD", name).replace("\u2032", "'").replace("\u2019", "'")
    stem = plain.rstrip("'")
    primes = plain[len(stem) :]
    body = _stem(stem)
    return f"{{{body}{primes}}}" if primes else body


def _stem(name: str) -> str:
    letter = _letter(name)
    if letter is not None:
        return letter
    numbered = re.fullmatch(r"(.*?[^\d_])_?([0-9]+)", name, re.DOTALL)
    letter = _letter(numbered[1]) if numbered else None
    if letter is not None and numbered is not None:
        return f"{{{letter}_{{{numbered[2]}}}}}"
    if name.isascii() and re.fullmatch(r"[A-Za-z0-9_]+", name):
        return _upright(name)
    return _mixed(name)


def _letter(name: str) -> str | None:
    """A name that is one letter, Greek or not, with or without an accent; otherwise None."""
    if name in _COMMANDS or name in _LETTERS:
        return _COMMANDS.get(name) or _LETTERS[name]
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name
    if len(name) > 1 and name[-1] in _ACCENTS:
        inner = _letter(name[:-1])
        return None if inner is None else f"\\{_ACCENTS[name[-1]]}{{{inner}}}"
    hat = re.fullmatch(r"(.+?)_?hat", name)
    inner = _letter(hat[1]) if hat else None
    return None if inner is None else f"\\hat{{{inner}}}"


def _upright(word: str) -> str:
    return r"\mathrm{" + word.replace("_", r"\_") + "}"


def _mixed(name: str) -> str:
    """A name run by run: ASCII words upright, Greek letters as commands, other scripts as text."""
    parts: list[str] = []
    text = ""
    for run in _RUNS.finditer(unicodedata.normalize("NFC", name)):
        part = run.group()
        foreign = run.lastgroup == "other" and part not in _LETTERS
        if foreign:
            text += part
            continue
        if text:
            parts, text = [*parts, rf"\text{{{text}}}"], ""
        parts.append(_run(run.lastgroup or "", part))
    return "{" + "".join(parts) + (rf"\text{{{text}}}" if text else "") + "}"


def _run(kind: str, text: str) -> str:
    if kind == "word":
        return text if len(text) == 1 else _upright(text)
    if kind == "other":
        return _LETTERS[text] + " "
    if kind == "space":
        return r"\ "
    return _SPECIAL.get(text, text)


def _named(command: str) -> tuple[str, Level]:
    return command + r"\left(#1\right)", Level.ATOM


class Latex(Unicode):
    r"""``\sum_{k} \mathrm{input}_{i,k}\,\mathrm{weight}_{j,k} + \mathrm{bias}_{j}``."""

    signs: Mapping[str, str] = {"ne": r"\ne", "lt": "<", "le": r"\le", "gt": ">", "ge": r"\ge"}
    words: Mapping[str, str] = {"and": r" \land ", "or": r" \lor ", "not": r"\lnot "}
    constants: Mapping[str, str] = {
        "true": r"\mathrm{true}",
        "false": r"\mathrm{false}",
        "inf": r"\infty",
        "nan": r"\mathrm{nan}",
    }
    calls: Mapping[str, tuple[str, Level]] = {
        "pi": (r"\pi", Level.ATOM),
        "sqrt": (r"\sqrt{#1}", Level.ATOM),
        "rsqrt": (r"\frac{1}{\sqrt{#1}}", Level.PREFIX),
        "abs": (r"\left|#1\right|", Level.ATOM),
        "maximum": (r"\max\left(#1, #2\right)", Level.ATOM),
        "minimum": (r"\min\left(#1, #2\right)", Level.ATOM),
        "floor": (r"\left\lfloor #1 \right\rfloor", Level.ATOM),
        "ceil": (r"\left\lceil #1 \right\rceil", Level.ATOM),
        "asin": _named(r"\arcsin"),
        "acos": _named(r"\arccos"),
        "atan": _named(r"\arctan"),
        **{name: _named(f"\\{name}") for name in ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    }

    _heads: Mapping[str, str] = {
        "sum": r"\sum",
        "prod": r"\prod",
        "max": r"\max",
        "min": r"\min",
        "any": r"\bigvee",
        "all": r"\bigwedge",
    }
    _sets: Mapping[str, str] = {"float": r"\mathbb{R}", "int": r"\mathbb{Z}", "bool": r"\{0, 1\}"}

    def name(self, name: str) -> str:
        """The name of a tensor, an index or an extent."""
        return latex_name(name)

    def group(self, text: str) -> str:
        """The text in parentheses that grow with it."""
        return rf"\left({text}\right)"

    def tight(self, text: str) -> str:
        """LaTeX spaces by itself."""
        return text

    def scientific(self, mantissa: str, exponent: int) -> Piece:
        """``10^{-5}``."""
        raised = f"10^{{{exponent}}}"
        return Piece(raised, Level.POWER) if mantissa == "1" else Piece(rf"{mantissa} \cdot {raised}", Level.PRODUCT)

    def access(self, name: str, positions: Sequence[str], padded: bool) -> Piece:
        """An element of a tensor, with subscripts."""
        return Piece(self.name(name) + (f"_{{{','.join(positions)}}}" if positions else ""))

    def target(self, name: str, bounds: Sequence[Bound]) -> str:
        """The left side of a definition."""
        return self.access(name, [self.name(bound.name) for bound in bounds], False).text

    def join(self, factors: Sequence[str]) -> str:
        r"""Factors with a thin space between, and ``\cdot`` before a digit."""
        text = factors[0]
        for factor in factors[1:]:
            text += (r" \cdot " if factor[0].isdigit() else r"\,") + factor
        return text

    def quotient(self, top: Piece, bottom: Piece, lead: bool = True) -> Piece:
        """A fraction."""
        above = self.show(replace(top, negative=False))
        return Piece(rf"\frac{{{above}}}{{{self.show(bottom)}}}", Level.PREFIX, top.negative)

    def coefficient(self, top: Piece, bottom: Piece) -> Piece:
        """A fraction that stands before other factors."""
        return self.quotient(top, bottom)

    def power(self, base: Piece, exponent: Piece) -> Piece:
        """A superscript."""
        return Piece(f"{self.show(base, Level.ATOM)}^{{{self.show(exponent)}}}", Level.POWER)

    def exponent(self, value: Fraction) -> Piece:
        """A number where it is an exponent: ``3/2`` rather than a small fraction."""
        found = super().exponent(value)
        return Piece(f"{value.numerator}/{value.denominator}") if found.level < Level.ATOM else found

    def call(self, function: str, arguments: Sequence[Piece]) -> Piece:
        """A function of arguments."""
        parts = [self.show(argument) for argument in arguments]
        if function in self.calls:
            template, level = self.calls[function]
            return Piece(filled(template, parts), level)
        name = function.replace("_", r"\_")
        return Piece(rf"\operatorname{{{name}}}\left({', '.join(parts)}\right)")

    def reduction(self, operation: str, bounds: Sequence[Bound], body: Piece) -> Piece:
        """A large operator with the indices below."""
        subscript = ",".join(self.name(bound.name) for bound in bounds)
        if operation in self._heads:
            return self.prefixed(f"{self._heads[operation]}_{{{subscript}}}", body)
        return Piece(rf"\operatorname*{{{operation}}}_{{{subscript}}}{self.group(self.show(body))}")

    def bracket(self, condition: Piece) -> Piece:
        """An Iverson bracket."""
        return Piece(rf"[\,{self.show(condition)}\,]")

    def delta(self, left: Piece, right: Piece) -> Piece:
        r"""``\delta_{q,i}``."""
        return Piece(rf"\delta_{{{self.show(left)},{self.show(right)}}}")

    def select(self, rows: Sequence[tuple[Piece, Piece]], otherwise: Piece) -> Piece:
        """Cases."""
        lines = [rf"{self.show(value)} & {self.show(condition)}" for condition, value in rows]
        lines.append(rf"{self.show(otherwise)} & \text{{otherwise}}")
        return Piece(r"\begin{cases} " + r" \\ ".join(lines) + r" \end{cases}", Level.CASES)

    def floor(self, top: Piece, bottom: Piece) -> Piece:
        r"""``\lfloor a / b \rfloor``."""
        above, below = self.show(top, Level.PRODUCT), self.show(bottom, Level.PREFIX)
        return Piece(rf"\lfloor {above} / {below} \rfloor")

    def modulo(self, top: Piece, bottom: Piece) -> Piece:
        r"""``a \bmod b``."""
        return Piece(rf"{self.show(top, Level.PREFIX)} \bmod {self.show(bottom, Level.PREFIX)}", Level.QUOTIENT)

    def shape(self, extents: Sequence[Piece]) -> str:
        r"""``M \times \mathrm{outfs}``."""
        return r" \times ".join(self.show(extent, Level.ATOM) for extent in extents) or "()"

    def declaration(self, name: str, extents: Sequence[Piece], dtype: str) -> str:
        r"""``\mathrm{input} \in \mathbb{R}^{M \times \mathrm{infs}}``."""
        members = self._sets[dtype.rstrip("0123456789")] + (f"^{{{self.shape(extents)}}}" if extents else "")
        return rf"{self.name(name)} &\in {members}"

    def equation(self, left: str, right: str) -> str:
        """A definition."""
        return f"{left} = {right}"

    def program(self, lines: Sequence[str]) -> str:
        """Declarations and definitions, aligned."""
        return r"\begin{aligned} " + r" \\ ".join(lines) + r" \end{aligned}"

r"""A derivation in LaTeX that KaTeX and MathJax both read: ``aligned``, never ``align``; words in ``\text``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from covector.derivation.layout import Block, Cases, Declarations, Equation, Formula, Inline, Section, Sentence, lay_out
from covector.derivation.record import Record
from covector.derivation.words import Words

_SYMBOLS: Mapping[str, str] = {
    "δ": r"\delta",
    "σ": r"\sigma",
    "Σ": r"\Sigma",
    "∂": r"\partial",
    "×": r"\times",
    "·": r"\cdot",
    "≠": r"\ne",
    "≤": r"\le",
    "≥": r"\ge",
    "∞": r"\infty",
    "[": "[",
    "]": "]",
    "^": r"\wedge",
    "~": r"\sim",
    "\\": r"\backslash",
    "_": r"\_",
    "#": r"\#",
    "%": r"\%",
    "&": r"\&",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
}
_SYMBOL = re.compile("([" + "".join(map(re.escape, _SYMBOLS)) + "])")


def render_latex(record: Record, lang: str = "en", less: bool = False, parts: bool = False) -> str:
    """The derivation as one ``aligned`` environment; with ``parts``, one for each section, blank lines between.

    KaTeX gives up at 1,000 macro expansions in one formula (`maxExpand`): longer derivations are for ``parts``.
    """
    page = lay_out(record, "latex", lang, less)
    sections = [_section(section, page.words) for section in page.sections]
    if parts:
        return "\n\n".join(aligned(rows) for rows in sections)
    return aligned(row for rows in sections for row in rows)


def aligned(rows: Iterable[str]) -> str:
    """Rows in an ``aligned`` environment.

    >>> aligned(["a &= b"])
    '\\\\begin{aligned}\\na &= b\\n\\\\end{aligned}'
    """
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def equation_rows(block: Equation, words: Words) -> Iterator[str]:
    """The rows of ``left = … = …``, with shapes and reasons in a second column."""
    left = block.left
    for line in block.lines:
        row = f"{left} &= {line.right}"
        notes = [block.shape] if block.shape and line is block.lines[-1] else []
        notes += [words_latex(words("reason", reason=line.reason))] if line.reason else []
        yield " && ".join((row, r" \quad ".join(notes))) if notes else row
        left = ""
    if not block.lines:
        yield f"{left} &"


def cases_row(block: Cases) -> str:
    r"""The cases of an entry, in a ``cases`` environment."""
    rows = r" \\ ".join(f"{value} & {inline(condition)}" for condition, value in block.rows)
    return rf"{block.left} &= \begin{{cases}} {rows} \end{{cases}}"


def inline(parts: Inline, command: str = "text") -> str:
    """A sentence with its formulas, in mathematics."""
    return "".join(part.text if isinstance(part, Formula) else words_latex(part, command) for part in parts)


def words_latex(words: str, command: str = "text") -> str:
    r"""Words as ``\text{…}``, the symbols among them as commands.

    >>> words_latex("δ 消去求和")
    '\\delta\\text{ 消去求和}'
    """
    shown = ""
    for run in _SYMBOL.split(words):
        if run in _SYMBOLS:
            symbol = _SYMBOLS[run]
            shown += f"{symbol} " if symbol[1:].isalpha() else symbol
        elif run:
            shown = shown.rstrip() + rf"\{command}{{{run}}}"
    return shown.rstrip()


def _section(section: Section, words: Words) -> list[str]:
    rows = [f"& {inline(section.title, 'textbf')}"]
    for block in section.blocks:
        rows.extend(_rows(block, words))
    return rows


def _rows(block: Block, words: Words) -> Iterator[str]:
    if isinstance(block, Declarations):
        yield from block.formulas
    elif isinstance(block, Cases):
        yield cases_row(block)
    elif isinstance(block, Sentence):
        yield f"& {inline(block.parts)}"
    else:
        if block.phrase in ("chain rule", "written out"):
            yield f"& {words_latex(words(block.phrase))}"
        yield from equation_rows(block, words)

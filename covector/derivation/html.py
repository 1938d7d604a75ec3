r"""A derivation in HTML: a fragment that stands by itself, its formulas between ``\[`` and ``\]`` for KaTeX or MathJax.

The same derivation as plain text is folded below, for pages on which neither runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from covector.derivation.latex import aligned, cases_row, equation_rows
from covector.derivation.layout import Block, Cases, Declarations, Formula, Inline, Section, Sentence, lay_out
from covector.derivation.record import Record
from covector.derivation.text import render_text
from covector.derivation.words import Words


def render_html(record: Record, lang: str = "en", less: bool = False) -> str:
    """The derivation as an HTML fragment: one ``<div class="covector">``."""
    page = lay_out(record, "latex", lang, less)
    lines = [f'<div class="covector" lang="{lang}">']
    for section in page.sections:
        lines += _section(section, page.words)
    plain = escape(render_text(record, lang, less))
    lines += [f"<details><summary>{escape(page.words('as text'))}</summary><pre>{plain}</pre></details>", "</div>"]
    return "\n".join(lines) + "\n"


def _section(section: Section, words: Words) -> Iterator[str]:
    yield f"<h3>{_sentence(section.title)}</h3>"
    for block in section.blocks:
        yield from _block(block, words)


def _block(block: Block, words: Words) -> Iterator[str]:
    if isinstance(block, Sentence):
        yield f"<p>{_sentence(block.parts)}</p>"
    elif isinstance(block, Cases):
        yield _display(aligned([cases_row(block)]))
    elif isinstance(block, Declarations):
        yield _display(aligned(block.formulas))
    else:
        if block.phrase:
            yield f"<h4>{escape(words(block.phrase))}</h4>"
        yield _display(aligned(equation_rows(block, words)))


def _display(formula: str) -> str:
    return rf"<div>\[{escape(formula)}\]</div>"


def _inline_formula(formula: str) -> str:
    return rf"\({escape(formula)}\)"


def _sentence(parts: Inline) -> str:
    return "".join(_inline_formula(part.text) if isinstance(part, Formula) else escape(part) for part in parts)

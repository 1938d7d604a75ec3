"""A derivation in Markdown: headings, displayed formulas, and a list for the cases."""

from __future__ import annotations

from collections.abc import Iterator

from covector.derivation.latex import aligned, equation_rows
from covector.derivation.layout import Block, Cases, Declarations, Formula, Inline, Section, Sentence, lay_out
from covector.derivation.record import Record
from covector.derivation.words import Words


def render_markdown(record: Record, lang: str = "en", less: bool = False) -> str:
    """The derivation as Markdown with ``$$`` formulas, as GitHub, Jupyter and most editors show them."""
    page = lay_out(record, "latex", lang, less)
    first, *rest = page.sections
    blocks = [f"# {page.words('forward')}", *_section(first, page.words, "##")]
    if rest:
        blocks.append(f"# {page.words('derivatives')}")
    for section in rest:
        blocks += [f"## {_sentence(section.title)}", *_section(section, page.words, "###")]
    return "\n\n".join(blocks) + "\n"


def _section(section: Section, words: Words, level: str) -> Iterator[str]:
    for block in section.blocks:
        yield from _blocks(block, words, level)


def _blocks(block: Block, words: Words, level: str) -> Iterator[str]:
    if isinstance(block, Sentence):
        label = f"**{words(block.phrase)}**{words('colon')}" if block.phrase == "verification" else ""
        yield label + _sentence(block.parts)
    elif isinstance(block, Cases):
        yield "\n".join(f"- {_sentence(condition)}{words('colon')}${value}$" for condition, value in block.rows)
    elif isinstance(block, Declarations):
        yield _display(aligned(block.formulas))
    else:
        if block.phrase:
            yield f"{level} {words(block.phrase)}"
        yield _display(aligned(equation_rows(block, words)))


def _display(formula: str) -> str:
    return f"$$\n{formula}\n$$"


def _sentence(parts: Inline) -> str:
    return "".join(f"${part.text}$" if isinstance(part, Formula) else part for part in parts)

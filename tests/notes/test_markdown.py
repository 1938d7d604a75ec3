"""Markdown to blocks and formulas with their places."""

from __future__ import annotations

import pytest

from covector.errors import NotationError
from covector.notes.markdown import MAX_CHARACTERS, read_markdown
from covector.notes.page import Code, Display, Heading, Page, Paragraph


def found(page: Page) -> list[tuple[str, int, int, bool]]:
    return [(item.text, item.line, item.column, item.display) for item in page.formulas]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a $x$ b $y$", [("x", 1, 4, False), ("y", 1, 10, False)]),
        (r"\(x\) and \[y\]", [("x", 1, 3, False), ("y", 1, 13, True)]),
        (r"\\(x\\) and \\[y\\]", [("x", 1, 4, False), ("y", 1, 16, True)]),
        ("$`x`$", [("x", 1, 3, False)]),
        ("text\n$$x$$\ntext", [("x", 2, 3, True)]),
        ("$$\nx\n$$", [("\nx\n", 1, 3, True)]),
        ("$$x\n\ny$$", [("x\n\ny", 1, 3, True)]),
        ("\\begin{align}\nx\n\\end{align}", [("\\begin{align}\nx\n\\end{align}", 1, 1, True)]),
        ("```math\nx\n```", [("x", 2, 1, True)]),
        ("<p>\n$= x$\n</p>", [("= x", 2, 2, False)]),
        ("- item $x$\n1. item $y$", [("x", 1, 9, False), ("y", 2, 10, False)]),
        ("> > $x$", [("x", 1, 6, False)]),
        ("| $x$ | $y$ |", [("x", 1, 4, False), ("y", 1, 10, False)]),
        ("设$x$，则$y$。", [("x", 1, 3, False), ("y", 1, 8, False)]),
        ("&emsp;\n$x$&emsp;", [("x", 2, 2, False)]),
        ("`$x$` $y$ ``a`$z$``", [("y", 1, 8, False)]),
        ("<!-- $x$ --> $y$", [("y", 1, 15, False)]),
        ("<pre>$x$</pre> $y$", [("y", 1, 17, False)]),
        (r"\$5 and $x$", [("x", 1, 10, False)]),
        ("it costs $5 and then $10", []),
        (r"$a\$b$", [(r"a\$b", 1, 2, False)]),
        ("```python\nprint('$x$')\n```\n$y$", [("y", 4, 2, False)]),
        ("---\ntitle: $x$\n---\n$y$", [("y", 4, 2, False)]),
        ("\ufeff$x$", [("x", 1, 3, False)]),
        ("a\r\n$x$\r\n", [("x", 2, 2, False)]),
    ],
)
def test_formulas_are_found_with_their_places(text: str, expected: list[tuple[str, int, int, bool]]) -> None:
    page = read_markdown(text)
    assert found(page) == expected
    assert page.faults == ()


def test_blocks_come_in_order() -> None:
    text = "# Head $p = i$\n\nwords $x$\nmore\n$$y$$\nlast\n\n```py\ncode\n```\n\nUnder\n=====\n"
    blocks = read_markdown(text).blocks
    assert [(type(block).__name__, block.line) for block in blocks] == [
        ("Heading", 1),
        ("Paragraph", 3),
        ("Display", 5),
        ("Paragraph", 6),
        ("Code", 8),
        ("Heading", 12),
    ]
    first, last = blocks[0], blocks[-1]
    assert isinstance(first, Heading)
    assert isinstance(last, Heading)
    assert (first.level, last.level) == (1, 1)
    code = blocks[4]
    assert isinstance(code, Code)
    assert (code.language, code.text) == ("py", "code")


def test_a_formula_in_a_quote_has_places_without_the_marks() -> None:
    (block,) = (item for item in read_markdown("> $$\n> a\n> + b\n> $$").blocks if isinstance(item, Display))
    assert block.formula.text == "\na\n+ b\n"
    assert block.quote == 1
    assert block.formula.place(block.formula.text.index("b")) == (3, 5)


def test_a_bare_paragraph_holds_only_formulas() -> None:
    blocks = read_markdown("<p>\n$x$\n</p>\n\n- $y$.\n\nwhere $z$").blocks
    assert [block.bare for block in blocks if isinstance(block, Paragraph)] == [True, True, False]


def test_the_span_of_a_formula_holds_its_delimiters() -> None:
    text = "a\n> b $x$ c"
    (formula,) = read_markdown(text).formulas
    assert text[formula.start : formula.end] == "$x$"


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a\nb $x\n\nc$", "this '$' has no partner in its paragraph", 2, 3),
        ("$$x\n\n# h\n", "this '$$' is never closed", 1, 1),
        ("a \\[x", "this '\\[' is never closed", 1, 3),
        ("```py\nx", "this code fence is never closed", 1, 1),
        ("$$ $$", "this formula is empty", 1, 1),
        ("\\begin{align} x", "this '\\begin{align}' is never closed", 1, 1),
    ],
)
def test_what_is_not_closed_is_said(text: str, message: str, line: int, column: int) -> None:
    fault = read_markdown(text).faults[0]
    assert (fault.message, fault.line, fault.column) == (message, line, column)


def test_after_a_fault_reading_goes_on() -> None:
    page = read_markdown("$$x\n\n# h\n\n$y$ and $z\n\n$w$")
    assert [item.text for item in page.formulas] == ["y", "w"]


@pytest.mark.parametrize("text", ["a\x00b", "\x7fELF", "\ud800", "a\x1b[31m"])
def test_binary_is_refused(text: str) -> None:
    with pytest.raises(NotationError, match="it is no text"):
        read_markdown(text)


def test_too_long_a_page_is_refused() -> None:
    with pytest.raises(NotationError, match="the limit is"):
        read_markdown("a" * (MAX_CHARACTERS + 1))

"""The code blocks of a page, run: what they print stands below them, and is compared or written anew.

A `python` block runs in one namespace with the blocks before it; a `text` block that follows it directly is what it
prints, and without one it prints nothing. In a `console` block each line that begins with `$ ` is a command, and what
follows is its output, that of errors too. A `covector` block is a program in the notation, which must derive.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import covector as cv
from covector.cli import main

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FIGURE = re.compile(r"(relative error |dual numbers: |最大相对误差 |对偶数：)[\d.e+-]+")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language and text, where that begins, and whether it follows the last block directly."""

    language: str
    text: str
    start: int
    follows: bool


class BlockError(Exception):
    """A block that does not run, or prints what the page does not show."""


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page.

    >>> blocks("```python\\nprint(1)\\n```\\n\\n```text\\n1\\n```\\n")[1]
    Block(language='text', text='1\\n', start=32, follows=True)
    """
    found, end = [], 0
    for match in _FENCE.finditer(page):
        follows = bool(found) and not page[end : match.start()].strip()
        found.append(Block(match[1], match[2], match.start(2), follows))
        end = match.end()
    return found


def refreshed(page: str, name: str = "page") -> str:
    """The page with the outputs that its blocks print now; an output that differs in a measured error alone stays.

    Raises `BlockError` for a block that fails, or that prints and has no block to print to.
    """
    namespace: dict[str, Any] = {"__name__": "__main__"}
    changes: list[tuple[Block, str]] = []
    found = blocks(page)
    for number, block in enumerate(found):
        where = f"{name}, line {page.count(chr(10), 0, block.start) + 1}"
        if block.language == "python":
            printed = _run_python(block, namespace, where)
            after = found[number + 1] if number + 1 < len(found) else None
            if after is not None and after.language == "text" and after.follows:
                changes.append((after, printed))
            elif printed:
                raise BlockError(f"{where}: this prints, and no text block follows:\n{printed}")
        elif block.language == "console":
            changes.append((block, _run_console(block, where)))
        elif block.language == "covector":
            _derive(block, where)
    return _replaced(page, changes)


def same(first: str, second: str) -> bool:
    """Whether two texts are equal but for measured errors, which depend on the processor.

    >>> same("relative error 1.2e-12 (dual numbers: 0)", "relative error 3e-13 (dual numbers: 1.1e-16)")
    True
    """
    return _FIGURE.sub(r"\1?", first) == _FIGURE.sub(r"\1?", second)


def write_where_changed(path: Path, text: str) -> bool:
    """Write a file unless it holds the same already, and say whether it was written."""
    old = path.read_text(encoding="utf-8") if path.exists() else None
    if old is not None and same(old, text):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return True


def _replaced(page: str, changes: list[tuple[Block, str]]) -> str:
    for block, text in reversed(changes):
        if not same(block.text, text):
            page = page[: block.start] + text + page[block.start + len(block.text) :]
    return page


def _run_python(block: Block, namespace: dict[str, Any], where: str) -> str:
    code = compile("\n" * (int(where.rpartition(" ")[2]) - 1) + block.text, where.partition(",")[0], "exec")
    with redirect_stdout(io.StringIO()) as printed:
        try:
            exec(code, namespace)
        except Exception as error:
            raise BlockError(f"{where}: {type(error).__name__}: {error}") from error
    return _trimmed(printed.getvalue())


def _run_console(block: Block, where: str) -> str:
    """The block with the output of each of its commands."""
    shown: list[str] = []
    code = 0
    for command in _commands(block.text, where):
        words = shlex.split(command)
        if words == ["echo", "$?"]:
            printed = f"{code}\n"
        elif words and words[0] == "covector":
            printed, code = _run_command(words[1:])
        else:
            raise BlockError(f"{where}: only covector and echo $? are run here, not {command!r}")
        shown.append(f"$ {command}\n{printed}")
    return "\n".join(shown)


def _commands(text: str, where: str) -> Iterator[str]:
    """The commands of a console block, those of several lines joined as the shell would read them."""
    command = ""
    for line in text.splitlines():
        if not command and not line.startswith("$ "):
            continue
        command += f"\n{line}" if command else line.removeprefix("$ ")
        if command.endswith("\\"):
            continue
        try:
            shlex.split(command)
        except ValueError:
            continue
        yield command
        command = ""
    if command:
        raise BlockError(f"{where}: this command does not end: {command!r}")


def _run_command(arguments: list[str]) -> tuple[str, int]:
    """What ``covector`` prints, on either stream, and its exit code."""
    code = 0
    with io.StringIO() as printed, redirect_stdout(printed), redirect_stderr(printed):
        with patch.object(sys, "argv", ["covector", *arguments]):
            try:
                main()
            except SystemExit as exit:
                code = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
        return _trimmed(printed.getvalue()), code


def _derive(block: Block, where: str) -> None:
    try:
        cv.derive(block.text)
    except cv.CovectorError as error:
        raise BlockError(f"{where}: {error}") from error


def _trimmed(printed: str) -> str:
    """What was printed, without blanks at the ends of lines, ending in one line end."""
    text = "\n".join(line.rstrip() for line in printed.splitlines()).strip("\n")
    return f"{text}\n" if text else ""

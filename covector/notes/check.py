"""`check_notes`: every formula of a page, and whether it is right."""

from __future__ import annotations

from pathlib import Path

from covector.errors import CovectorError
from covector.notes.chain import Walker
from covector.notes.code import run_fence
from covector.notes.page import Code
from covector.notes.read import Notes, read_page
from covector.notes.verdicts import PageVerdicts

MAX_BYTES = 4_000_000
PYTHON = ("python", "py", "python3", "numpy")


def check_notes(text_or_path: str | Path, *, run_code: bool = False) -> PageVerdicts:
    """Every formula of a page of notes with its verdict.

    A path, or a text of one line that names a file ending in ``.md``, is read; any other text is the page itself.
    ``run_code`` runs its Python code fences, each in a process of its own with a time limit.

    >>> page = check_notes("$y_i = x_i^2$, $∂L/∂x_i = x_i ∂L/∂y_i$")
    >>> [found.answer for found in page.formulas]
    ['states', 'wrong']
    """
    path, text = _source(text_or_path)
    notes = read_page(text)
    walker = Walker(notes)
    found = tuple(walker.checked(reading) for reading in notes.formulas)
    faults = tuple((fault.line, fault.message) for fault in notes.page.faults)
    code = tuple(run_fence(block) for block in _fences(notes)) if run_code else ()
    return PageVerdicts(path, text, found, faults, code)


def _source(given: str | Path) -> tuple[str, str]:
    if isinstance(given, str) and ("\n" in given or not given.endswith((".md", ".markdown"))):
        return "", given
    path = Path(given)
    try:
        if path.exists() and not path.is_file():
            raise CovectorError(f"{path} is no file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise CovectorError(f"{path} has more than {MAX_BYTES:,} bytes")
        return str(given), data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        raise CovectorError(f"{path} is no text in UTF-8") from None
    except OSError as error:
        raise CovectorError(f"{path} cannot be read: {error.strerror}") from None


def _fences(notes: Notes) -> list[Code]:
    blocks = [block for block in notes.page.blocks if isinstance(block, Code)]
    return [block for block in blocks if block.language.lower() in PYTHON]

"""What the commands read and write, and which exit code an error becomes."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

from covector.errors import CovectorError, NotationError, VerificationError
from covector.notation.tokens import MAX_CHARACTERS

BAD_INPUT, WITHHELD, INTERRUPTED, BROKEN_PIPE = 2, 3, 130, 141


@contextmanager
def guarded() -> Iterator[None]:
    """Turn errors into a message on standard error and an exit code."""
    try:
        yield
        sys.stdout.flush()
    except VerificationError as error:
        _end(error.render(), WITHHELD)
    except CovectorError as error:
        _end(error.render(), BAD_INPUT)
    except BrokenPipeError:
        _silence()
        raise SystemExit(BROKEN_PIPE) from None
    except KeyboardInterrupt:
        _end("interrupted", INTERRUPTED)


def _end(message: str, code: int) -> NoReturn:
    _able_to_print(sys.stderr)
    print(f"covector: {message}", file=sys.stderr)
    raise SystemExit(code) from None


def _silence() -> None:
    """Nobody reads any more: what is still buffered goes nowhere, without another complaint at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def source_text(source: str | None, file: Path | None) -> str:
    """The program to derive: the argument, a file, or standard input."""
    if file is not None:
        if source is not None:
            raise CovectorError("the program is given twice: as an argument and with --file", hint="leave one out")
        return _read(file)
    if source == "-" or (source is None and not sys.stdin.isatty()):
        text = sys.stdin.read(MAX_CHARACTERS + 1)
        if len(text) > MAX_CHARACTERS:
            raise NotationError(f"standard input has more than {MAX_CHARACTERS:,} characters")
    elif source is None:
        raise CovectorError(
            "no program is given", hint='covector derive "y[i] = exp(x[i])", or --file, or standard input'
        )
    else:
        text = source
    if not text.strip():
        raise NotationError("the program is empty", hint='write a statement, such as "y[i] = exp(x[i])"')
    if source is not None and "=" not in text and Path(text).suffix and len(text) < 200 and Path(text).is_file():
        raise CovectorError(f"{text} is a file, not a program", hint=f"covector derive --file {text}")
    return text


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            text = opened.read(MAX_CHARACTERS + 1)
    except UnicodeDecodeError as error:
        raise CovectorError(f"{file} is not UTF-8 text: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise CovectorError(f"{file} cannot be read: {error.strerror or error}") from None
    if len(text) > MAX_CHARACTERS:
        raise NotationError(f"{file} has more than {MAX_CHARACTERS:,} characters")
    if not text.strip():
        raise NotationError(f"{file} is empty")
    return text


def write(text: str, output: Path | None) -> None:
    """Write to standard output, or to a file: beside it first, then renamed, so that it is never half written."""
    text = text if text.endswith("\n") else text + "\n"
    if output is None:
        _able_to_print(sys.stdout)
        sys.stdout.write(text)
        return
    try:
        _replace(output, text)
    except OSError as error:
        raise CovectorError(f"{output} cannot be written: {error.strerror or error}") from None


def _replace(output: Path, text: str) -> None:
    mode = output.stat().st_mode & 0o777 if output.exists() else 0o666 & ~_umask()
    descriptor, name = tempfile.mkstemp(prefix=f".{output.name}.", suffix=".part", dir=output.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
        Path(name).chmod(mode)
        Path(name).replace(output)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _able_to_print(stream: object) -> None:
    """Let a stream whose encoding lacks the signs of mathematics write UTF-8."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    reconfigure = getattr(stream, "reconfigure", None)
    try:
        "Σδ∂≠求导".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        if reconfigure is not None:
            reconfigure(encoding="utf-8")

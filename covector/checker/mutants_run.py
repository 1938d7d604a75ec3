"""A user's own tests against mutants of the user's function, in a copy of the project.

Nothing is written in the project itself; the user's code runs in the process of the command that was asked for, and
nowhere else.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from covector.checker.mutants_source import SourceMutant, broken, source_mutants
from covector.errors import CovectorError

IGNORED = shutil.ignore_patterns(
    ".git", ".hg", "__pycache__", "*.pyc", ".venv", "venv", "node_modules", ".tox", ".nox", ".mypy_cache", ".ruff_cache"
)
ROOTS = ("pyproject.toml", "setup.py", "setup.cfg", ".git", "pytest.ini", "tox.ini")


@dataclass(frozen=True)
class Tried:
    """A mutant and what the tests did: ``caught`` where they failed, ``timed_out`` where they did not end."""

    mutant: SourceMutant
    caught: bool
    timed_out: bool = False


@dataclass(frozen=True)
class CommandReport:
    """How many mutants of a function its tests catch."""

    source: str
    command: str
    tried: tuple[Tried, ...]

    @property
    def survivors(self) -> tuple[SourceMutant, ...]:
        """The mutants that no test caught."""
        return tuple(one.mutant for one in self.tried if not one.caught)

    @property
    def missed(self) -> tuple[SourceMutant, ...]:
        """The survivors: whether one of them is a mistake only its author can say."""
        return self.survivors

    @property
    def rate(self) -> float:
        """The part that was caught."""
        return sum(one.caught for one in self.tried) / len(self.tried) if self.tried else 1.0

    def json(self) -> dict[str, Any]:
        """The report as plain data."""
        survivors = [{"name": m.name, "description": m.description, "line": m.line} for m in self.survivors]
        caught = len(self.tried) - len(survivors)
        return {
            "source": self.source,
            "command": self.command,
            "mutants": len(self.tried),
            "caught": caught,
            "timed_out": sum(one.timed_out for one in self.tried),
            "survivors": survivors,
        }

    def __str__(self) -> str:
        caught = sum(one.caught for one in self.tried)
        lines = [f"{self.source}: {len(self.tried)} mutants, {caught} caught by {self.command}"]
        lines += [f"  survives: line {m.line}: {m.name}: {m.description}" for m in self.survivors]
        return "\n".join(lines)


def try_mutants(
    source: str,
    command: str,
    *,
    timeout: float = 60.0,
    limit: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CommandReport:
    """Run a test command on every mutant of a function; ``source`` is ``path/to/file.py:function``.

    The project (the nearest folder above the file that looks like one) is copied to a temporary folder, and the file is
    changed there. Raises `CovectorError` where the tests fail without a change, and where they do not see the copy.
    """
    path, function = _split(source)
    root = _root(path)
    text = path.read_text(encoding="utf-8")
    mutants = source_mutants(text, function)[:limit]
    with tempfile.TemporaryDirectory(prefix="covector-mutants-") as folder:
        project = Path(folder) / root.name
        shutil.copytree(root, project, ignore=IGNORED, symlinks=True)
        target = project / path.relative_to(root)
        here = project / Path.cwd().relative_to(root) if Path.cwd().is_relative_to(root) else project
        runner = Runner(shlex.split(command), here, project, timeout)
        if runner.fails() is not False:
            raise CovectorError(f"the tests fail before anything is changed: {command}", hint=runner.said())
        target.write_text(broken(text, function), encoding="utf-8")
        if runner.fails() is False:
            hint = "they do not call it, or they import it from elsewhere, such as an installed package"
            raise CovectorError(f"the tests pass though {function} raises at once: {command}", hint=hint)
        tried = []
        for number, mutant in enumerate(mutants):
            target.write_text(mutant.source, encoding="utf-8")
            failed = runner.fails()
            tried.append(Tried(mutant, failed is not False, failed is None))
            if progress is not None:
                progress(number + 1, len(mutants))
    return CommandReport(source, command, tuple(tried))


def _split(source: str) -> tuple[Path, str]:
    name, separator, function = source.rpartition(":")
    path = Path(name).resolve()
    if not separator or not function or not path.is_file():
        raise CovectorError(f"{source!r} names no function in a file", hint="path/to/file.py:function")
    return path, function


def _root(path: Path) -> Path:
    """The project that a file belongs to: the nearest folder above that looks like one, otherwise its own."""
    for folder in path.parents:
        if any((folder / name).exists() for name in ROOTS):
            return folder
    return path.parent


class Runner:
    """A test command in a folder."""

    def __init__(self, command: Sequence[str], folder: Path, project: Path, timeout: float) -> None:
        self.command, self.folder, self.timeout = command, folder, timeout
        self.environment = _environment(project)
        self.output = ""

    def fails(self) -> bool | None:
        """Whether the command fails; None where it does not end in time."""
        try:
            process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise CovectorError(f"the test command cannot be run: {error}") from None
        try:
            self.output, _ = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            _stop(process)
            return None
        return process.returncode != 0

    def said(self) -> str:
        """The last lines that the command printed."""
        return " | ".join(self.output.strip().splitlines()[-3:])


def _stop(process: subprocess.Popen[str]) -> None:
    """End a process and what it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


def _environment(project: Path) -> Mapping[str, str]:
    """The environment of the command, in which the copy is imported before anything that is installed."""
    paths = [str(project), *([str(project / "src")] if (project / "src").is_dir() else [])]
    before = os.environ.get("PYTHONPATH")
    joined = os.pathsep.join([*paths, *([before] if before else [])])
    return {**os.environ, "PYTHONPATH": joined, "PYTHONDONTWRITEBYTECODE": "1"}

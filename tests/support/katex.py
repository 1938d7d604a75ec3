"""Whether KaTeX and MathJax accept a piece of LaTeX.

Both run in Node, from `tests/katex/`, and are installed there on first use. Where there is no npm the test is skipped;
where there is one and `CI` is set, a failing installation is an error.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "katex"
_TIMEOUT = 300


def katex_errors(latex: Sequence[str]) -> list[str]:
    """What KaTeX rejects, in display mode and at its strictest: a message for each, empty where all is well."""
    return _errors("KaTeX", "render.mjs", latex)


def mathjax_errors(latex: Sequence[str]) -> list[str]:
    """What MathJax rejects, with the packages that every page loads (base and ams)."""
    return _errors("MathJax", "mathjax.mjs", latex)


def latex_errors(latex: Sequence[str]) -> list[str]:
    """What either of them rejects."""
    return katex_errors(latex) + mathjax_errors(latex)


def _errors(renderer: str, script: str, latex: Sequence[str]) -> list[str]:
    node = _node()
    if not latex:
        return []
    done = subprocess.run(
        [node, script],
        cwd=FOLDER,
        input=json.dumps(list(latex)),
        capture_output=True,
        encoding="utf-8",
        timeout=_TIMEOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{script} did not run:\n{done.stderr}")
    verdicts = json.loads(done.stdout)
    return [
        f"{renderer}: {verdict['error']}\n  in: {text}"
        for text, verdict in zip(latex, verdicts, strict=True)
        if not verdict["ok"]
    ]


def _node() -> str:
    """The path of Node, with the renderers installed; skips the test where that cannot be."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None:
        pytest.skip("node is not installed: LaTeX cannot be checked against KaTeX and MathJax")
    if not _installed():
        if npm is None:
            pytest.skip("npm is not installed: KaTeX and MathJax cannot be installed")
        try:
            _install(npm)
        except subprocess.SubprocessError as error:
            output = getattr(error, "stderr", None) or ""
            if os.environ.get("CI"):
                raise RuntimeError(f"npm could not install KaTeX and MathJax: {error}\n{output}") from error
            pytest.skip(f"npm could not install KaTeX and MathJax: {error}")
    return node


def _versions(lock: Path) -> dict[str, str]:
    """The version of each package in a lock file of npm; empty where there is no such file."""
    if not lock.exists():
        return {}
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return {name: package["version"] for name, package in packages.items() if name}


def _installed() -> bool:
    return _versions(FOLDER / "node_modules" / ".package-lock.json") == _versions(FOLDER / "package-lock.json")


def _install(npm: str) -> None:
    """Install beside the final place and move it there in one step, since several workers may be doing so."""
    with tempfile.TemporaryDirectory(dir=FOLDER.parent, prefix=".katex-") as scratch:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(FOLDER / name, scratch)
        subprocess.run(
            [npm, "ci", "--ignore-scripts"],
            cwd=scratch,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=_TIMEOUT,
            check=True,
        )
        if _installed():
            return
        shutil.rmtree(FOLDER / "node_modules", ignore_errors=True)
        try:
            (Path(scratch) / "node_modules").rename(FOLDER / "node_modules")
        except OSError:
            if not _installed():
                raise

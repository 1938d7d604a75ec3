"""covector: the gradients of tensor programs, derived as a person writes them, proved, and run.

``derive`` takes a forward in element form, matrix form or as a Python function and gives its `Derivation`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from covector.checker.entry import check
    from covector.checker.verdict import Verdict
    from covector.derivation.derivation import Derivation, Derived, derive
    from covector.errors import CovectorError
    from covector.notes.check import check_notes

__version__ = "0.1.0"
__all__ = ["CovectorError", "Derivation", "Derived", "Verdict", "__version__", "check", "check_notes", "derive"]

_HOMES = {
    "CovectorError": "covector.errors",
    "Derivation": "covector.derivation.derivation",
    "Verdict": "covector.checker.verdict",
    "check": "covector.checker.entry",
    "check_notes": "covector.notes.check",
    "Derived": "covector.derivation.derivation",
    "derive": "covector.derivation.derivation",
}


def __getattr__(name: str) -> Any:
    """What the package offers, imported when it is first asked for, so that ``import covector`` costs little."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'covector' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__

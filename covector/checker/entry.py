"""The one name that users call: `check` takes a formula or a function."""

from __future__ import annotations

from typing import Any

from covector.checker.formula import check as check_formula_text
from covector.checker.functions import check_function
from covector.checker.verdict import Verdict


def check(claim: Any = None, *, of: Any = None, **options: Any) -> Verdict:
    """Whether a gradient is right: a formula as text, or a backward function.

    A text is checked as `covector.checker.formula.check` does (options: ``shapes``, ``where``, ``cotangent`` and shapes
    as keywords), anything else as `covector.checker.functions.check_function` does (``inputs``, ``wrt``,
    ``signature``, ``framework``, ``order``, ``dtypes``, ``limit``, ``seed``, ``time_limit``).

    >>> check("dx[i] = 2 * x[i] * G[i]", of="y[i] = x[i]**2").verdict
    'proved'
    >>> check(lambda x, grad_output: 2 * x * grad_output, of="y[i] = x[i]**2", inputs={"x": "N"}).verdict
    'agrees'
    """
    if isinstance(claim, str):
        return check_formula_text(claim, of=of, **options)
    return check_function(claim, of=of, **options)

"""The one name that users call: `check` takes a formula in any notation, or a function."""

from __future__ import annotations

from typing import Any

from covector.checker.entry import check as check_plain
from covector.checker.verdict import Verdict
from covector.notes.claim import check_latex, is_latex


def check(claim: Any = None, *, of: Any = None, **options: Any) -> Verdict:
    """Whether a gradient is right: a formula as text, in the notation or in LaTeX, or a backward function.

    A text is checked as `covector.checker.formula.check` does (options: ``shapes``, ``where``, ``cotangent`` and shapes
    as keywords), anything else as `covector.checker.functions.check_function` does (``inputs``, ``wrt``,
    ``signature``, ``framework``, ``order``, ``dtypes``, ``limit``, ``seed``, ``time_limit``). The verdict has
    ``.verdict``, ``.cause``, ``.suggestion`` and ``.counterexample``; what is wrong with ``of`` is raised.

    >>> check("dx[i] = 2 * x[i] * G[i]", of="y[i] = x[i]**2").verdict
    'proved'
    >>> check(r"\\nabla w = 2 X^T G", of="y = X @ w", X="n p", w="p").cause.name
    'factor 2'
    >>> check(lambda x, grad_output: 2 * x * grad_output, of="y[i] = x[i]**2", inputs={"x": "N"}).verdict
    'agrees'
    """
    texts = [text for text in (claim, of) if isinstance(text, str)]
    if not isinstance(claim, str) or not any(map(is_latex, texts)):
        return check_plain(claim, of=of, **options)
    named = {name: options.pop(name, None) for name in ("shapes", "where", "cotangent")}
    return check_latex(claim, of, {**(named["shapes"] or {}), **options}, named["where"], named["cotangent"])

"""What the pytest plugin does once a gradient is checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from covector.checker.functions import check_function
from covector.checker.verdict import Verdict

Record = Callable[[str, object], None]


def check(record: Record, backward: Any, keywords: Mapping[str, Any]) -> Verdict:
    """The verdict, which is recorded as properties of the test; fails the test where it is not a true one."""
    __tracebackhide__ = True
    verdict = check_function(backward, **keywords)
    record("covector_claim", verdict.claim)
    record("covector_verdict", verdict.verdict)
    if verdict.cause is not None:
        record("covector_cause", verdict.cause.name)
    record("covector_message", verdict.message)
    if verdict.evidence.error is not None:
        record("covector_error", verdict.evidence.error)
    if not verdict:
        pytest.fail(str(verdict), pytrace=False)
    return verdict

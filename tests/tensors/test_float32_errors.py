"""Errors of float32 against float64 are no larger than PyTorch's, but for the order of rounding."""

from __future__ import annotations

import pytest

from tests.tensors.float32_errors import CASES, errors

LONG = ("of 16×32768", "of 1000000", "of 2000×3×2000", "of 5×20000×3", "of many channels", "of signals", "of batches")
SHORT = [name for name in CASES if not name.endswith(LONG)]

LIMIT = 8.0
"""How many times as large an error may be: a result is rounded a few times more or less by the way it is computed, and
long sums have blocks of 128 terms where PyTorch's are halved again and again, or computed in float64; with shorter
vectors these are more blocks. Without blocks it is hundreds."""


@pytest.mark.parametrize("name", [*SHORT, "sum of 1000000", "squared error of 1000000", "cumsum of 1000000"])
def test_errors_are_no_larger_than_pytorchs(name: str) -> None:
    for error in errors(name):
        assert error.ratio <= LIMIT, error

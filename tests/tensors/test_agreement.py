"""Random tensor programs agree with PyTorch in every way to run them; ``python -m tests.tensors.report`` runs more."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import tensor_operations
from tests.support.tensor_generator import generate
from tests.support.tensor_operations import OPERATIONS
from tests.tensors.agreement import Disagreement, Tally, check_case
from tests.tensors.report import check_seed

PROGRAMS, CHUNK = 80, 10


@pytest.mark.parametrize("start", range(0, PROGRAMS, CHUNK))
def test_random_programs(start: int) -> None:
    tally = Tally()
    for seed in range(start, start + CHUNK):
        case, message = check_seed(seed, tally)
        assert not message, f"{message}\n{case}"
    assert tally.comparisons > 5 * CHUNK


def test_same_seed_same_program() -> None:
    assert [generate(seed) for seed in range(20)] == [generate(seed) for seed in range(20)]
    assert len({str(generate(seed)) for seed in range(50)}) == 50


def test_every_operation_is_drawn() -> None:
    used = set().union(*(generate(seed).features for seed in range(700)))
    assert not set(OPERATIONS) - used


WRONG: dict[str, Callable[..., Any]] = {
    "mul": lambda _, x, y: x * y * 1.00001,
    "sub": lambda _, x, y: x - y.detach(),
    "index": lambda library, x, key: tensor_operations.draws.sliced(library, x, key) * 1.00001,
    "permute": lambda _, x, axes: x.permute(tuple(sorted(axes))),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_operation_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that gives another value, or another gradient."""
    right = OPERATIONS[name]
    wrong = dataclasses.replace(right, both=WRONG[name], theirs=right.theirs or right.both)
    using = (case for case in map(generate, itertools.count()) if name in case.features)
    cases = list(itertools.islice(using, 6))
    monkeypatch.setitem(OPERATIONS, name, wrong)
    noticed = 0
    for case in cases:
        try:
            check_case(case, Tally())
        except Disagreement:
            noticed += 1
    assert noticed

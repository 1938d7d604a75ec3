"""What is given to `derive` and to a derivation: anything that cannot be meant is refused with a hint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector.derivation import derivation
from covector.derivation.derivation import derive
from covector.errors import BudgetError, CovectorError, DtypeError, NotationError, ShapeError, UnknownNameError

SQUARE = "y[i] = x[i]**2"
GATHER = "t: N int64; y[i] = x[t[i]]"


@pytest.mark.parametrize("shape", [5, (5,), "5", np.int64(5)])
def test_a_number_is_the_shape_of_a_vector(shape: Any) -> None:
    assert derive(SQUARE, x=shape)["x"].shape == "5"


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (NotationError, lambda: derive(SQUARE, x=None)),  # type: ignore[arg-type]
        (NotationError, lambda: derive(SQUARE, x=2.5)),  # type: ignore[arg-type]
        (NotationError, lambda: derive(SQUARE, x=True)),
        (NotationError, lambda: derive(SQUARE, x=[None])),  # type: ignore[list-item]
        (NotationError, lambda: derive(SQUARE, shapes=5)),  # type: ignore[arg-type]
        (UnknownNameError, lambda: derive(SQUARE, wrt=3)),  # type: ignore[arg-type]
        (UnknownNameError, lambda: derive(SQUARE, wrt=[["x"]])),  # type: ignore[list-item]
        (UnknownNameError, lambda: derive(SQUARE)[0]),
        (CovectorError, lambda: derive(dict)),
        (CovectorError, lambda: derive(max)),
        (NotationError, lambda: derive("y[i] = 1e308*10*x[i]")),
    ],
)
def test_what_cannot_be_meant_is_refused(kind: type[CovectorError], call: Callable[[], Any]) -> None:
    with pytest.raises(kind) as caught:
        call()
    assert caught.value.hint


@pytest.mark.parametrize(
    ("kind", "array", "message"),
    [
        (DtypeError, "a", "x is given text (<U1), not numbers"),
        (DtypeError, ["a", "b"], "x is given text (<U1), not numbers"),
        (DtypeError, [1j, 2], "x is given complex (complex128), not numbers"),
        (DtypeError, [None, 1.0], "x is given None, not numbers"),
        (DtypeError, [10**400], "x is given values that are no float64: int too large to convert to float"),
        (ShapeError, [[1], [1, 2]], "x is ragged: its rows differ in length"),
    ],
)
def test_arrays_that_hold_no_numbers_are_refused(kind: type[CovectorError], array: Any, message: str) -> None:
    made: Any = derive(SQUARE)
    for call in (made, made["x"]):
        with pytest.raises(kind) as caught:
            call(array)
        assert caught.value.message == message


def test_positions_are_integers() -> None:
    made = derive(GATHER)
    assert made(t=[1, 0], x=[3.0, 4.0]).tolist() == [4.0, 3.0]
    assert made(t=[], x=[3.0]).tolist() == []
    with pytest.raises(DtypeError, match="t is given floats"):
        made(t=[0.5], x=[3.0])


def test_what_is_as_deep_as_may_be_is_derived_and_shown() -> None:
    made = derive("y[i] = " + "-".join(["x[i]"] * 99))
    assert "∂L/∂x[i]" in made.text()
    assert made.latex()


def test_running_out_of_stack_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(*_: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(derivation, "derive_record", deep)
    with pytest.raises(BudgetError, match="nested too deeply"):
        derive(SQUARE)

"""Which code runs a contraction."""

from __future__ import annotations

from dataclasses import replace

import pytest

from covector.codegen.contraction import choose, specify
from covector.codegen.target import Target
from covector.ir import Symbol, as_affine
from covector.schedule.plan import Product
from tests.support.contraction import contraction
from tests.support.convolution import Convolution

TWO = as_affine(2)
WIDE, NARROW = Target(64, True), Target(32)


def matrices(size: int, dtype: str = "float32") -> Product:
    return contraction("mk,kn->mn", dict.fromkeys("mnk", size), dtype)


@pytest.mark.parametrize(
    ("product", "blas", "target", "expected"),
    [
        (matrices(4), "openblas", WIDE, "loops"),
        (matrices(4), None, WIDE, "loops"),
        (matrices(2000), None, NARROW, "own"),
        (matrices(2000), "openblas", WIDE, "own"),
        (matrices(2000), "openblas", NARROW, "blas"),
        (matrices(32), "openblas", NARROW, "own"),
        (matrices(2000), "mkl", WIDE, "blas"),
        (matrices(128), "mkl", WIDE, "own"),
        (contraction("bmk,bkn->bmn", dict.fromkeys("bmnk", 200)), "mkl", NARROW, "own"),
        (contraction("amkl,lkn->mna", dict.fromkeys("amnkl", 60)), "mkl", NARROW, "own"),
        (Convolution(into=64, out=64, height=100, width=100).forward(), "mkl", NARROW, "own"),
        (contraction("mk,kn->mn", {x: as_affine(Symbol(x)) for x in "mnk"}), "mkl", WIDE, "blas"),
        (contraction("mk,kn->mn", {x: as_affine(Symbol(x)) for x in "mnk"}), "openblas", WIDE, "own"),
    ],
)
def test_the_choice_follows_the_measurements(product: Product, blas: str | None, target: Target, expected: str) -> None:
    spec = specify(product)
    assert spec is not None
    assert choose(spec, blas, target) == expected


def test_a_matrix_that_is_contiguous_along_no_axis_is_not_left_to_blas() -> None:
    spec = specify(matrices(2000))
    assert spec is not None
    assert choose(spec, "openblas", NARROW) == "blas"
    spread = replace(spec, rows=replace(spec.rows, left=as_affine(4000)), inner=(replace(spec.inner[0], left=TWO),))
    assert choose(spread, "openblas", NARROW) == "own"

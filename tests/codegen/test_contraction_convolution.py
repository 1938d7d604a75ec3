"""Convolutions and their adjoints by contraction kernels, against the definition tap by tap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from covector.codegen.contraction import contraction_kernel, specify
from covector.codegen.module import Module
from covector.codegen.target import Target
from covector.schedule.plan import Product
from tests.support.contraction import build, here
from tests.support.convolution import Convolution, reference

CASES = {
    "plain": Convolution(),
    "no padding": Convolution(padding=0),
    "stride": Convolution(stride=2),
    "stride, no padding": Convolution(stride=2, padding=0),
    "groups": Convolution(groups=2),
    "depthwise": Convolution(into=1, out=1, groups=5),
    "five taps": Convolution(filter=(5, 5), padding=2),
    "one tap": Convolution(filter=(1, 1), padding=0, into=5, out=9),
    "one axis": Convolution(filter=(1, 3), height=1, width=50),
    "two widths": Convolution(filter=(3, 1), padding=1),
    "dilation": Convolution(dilation=2, padding=2),
    "dilation, less padding": Convolution(dilation=2, padding=1),
    "odd": Convolution(height=7, width=9, into=7, out=17),
    "wide": Convolution(into=16, out=20, height=16, width=33),
    "one channel": Convolution(into=1, out=5, height=28, width=28),
    "small": Convolution(height=4, width=4, into=8, out=20, images=5),
    "much padding": Convolution(padding=3),
    "large": Convolution(images=1, into=3, out=6, height=60, width=130),
    "many channels": Convolution(into=37, out=11, height=9, width=7),
    "many channels, stride": Convolution(into=16, out=21, stride=2, height=11, width=13),
    "many channels, stride 3": Convolution(into=16, out=9, stride=3, filter=(5, 4), padding=2, height=20, width=23),
    "many channels, dilation": Convolution(into=16, out=5, dilation=2, padding=3, height=12, width=9),
    "many channels, groups": Convolution(into=16, out=6, groups=2),
    "many channels, no padding": Convolution(into=32, out=9, padding=0, height=10, width=10),
    "many channels, one axis": Convolution(into=16, out=8, filter=(1, 3), height=5, width=20),
    "many lines": Convolution(images=1, into=40, out=9, height=70, width=45),
    "one image": Convolution(images=1, into=16, out=16, height=14, width=14),
}


def check(sizes: Convolution, target: Target | None = None, parts: int = 1) -> None:
    """Compare all three products with the definition."""
    rng = np.random.default_rng(0)
    shapes = (sizes.image_shape, sizes.weight_shape, sizes.result_shape)
    image, weight, seed = (rng.standard_normal(shape).astype(sizes.dtype) for shape in shapes)
    expected = reference(sizes, *(array.astype("f8") for array in (image, weight, seed)))
    products: list[tuple[Product, np.ndarray, np.ndarray, np.ndarray]] = [
        (sizes.forward(), weight, image, expected[0]),
        (sizes.weight_adjoint(), seed, image, expected[1]),
    ]
    even = (sizes.stride, sizes.dilation, sizes.height % 2, sizes.width % 2) == (2, 1, 0, 0)
    if sizes.stride == 1 or even:
        products.append((sizes.image_adjoint(), weight, seed, expected[2]))
    for product, left, right, result in products:
        goal = np.full(result.shape, np.nan, sizes.dtype)
        build(product, target=target)(left, right, goal, parts=parts)
        scale = max(np.abs(result).max(), 1e-30)
        np.testing.assert_allclose(goal / scale, result / scale, atol=2e-5 if sizes.dtype == "float32" else 1e-12)
        build(replace(product, accumulate=True), target=target)(left, right, goal, parts=parts)
        np.testing.assert_allclose(goal / scale, 2 * result / scale, atol=5e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_convolutions_and_their_adjoints(name: str, dtype: str) -> None:
    check(replace(CASES[name], dtype=dtype), parts=1 if dtype == "float32" else 3)


@pytest.mark.parametrize("target", [Target(16), Target(32), Target(64)], ids=["128", "256", "512 without masks"])
@pytest.mark.parametrize("name", ["plain", "stride", "groups", "five taps", "many channels", "many lines"])
def test_processors_without_masks(name: str, target: Target) -> None:
    if target.vector_bytes > here().vector_bytes:
        pytest.skip("this processor has no such vectors")
    check(CASES[name], target)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_convolutions_of_any_size(data: st.DataObject) -> None:
    filters = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation, padding = data.draw(st.integers(1, 2)), data.draw(st.integers(0, 2))
    least = max(dilation * (max(filters) - 1) + 1 - 2 * padding, 1)
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    sizes = Convolution(
        *(draw(1, 3), draw(1, 4), draw(1, 6), draw(least, least + 12), draw(least, least + 20)),
        filter=filters,
        stride=draw(1, 3),
        padding=padding,
        dilation=dilation,
        groups=draw(1, 2),
    )
    check(sizes, parts=draw(1, 3))


def test_zeros_beside_the_image_are_no_image() -> None:
    """NaN in a corner reaches the results that see the corner; those that see what is beside the image do not."""
    sizes = Convolution(images=1, into=2, out=3, height=9, width=11)
    image, weight = np.ones(sizes.image_shape, "f4"), np.ones(sizes.weight_shape, "f4")
    image[0, 1, 0, 10] = np.nan
    goal = build(sizes.forward())(weight, image, np.zeros(sizes.result_shape, "f4"))
    seen = np.zeros(sizes.result_shape, bool)
    seen[0, :, :2, 9:] = True
    assert (np.isnan(goal) == seen).all()
    assert goal[0, 0, 0, 0] == 8
    assert goal[0, 0, 4, 4] == 18


def test_an_image_is_not_copied_into_columns() -> None:
    """The memory that a thread needs does not grow with the image."""
    scratch = []
    for height in (64, 128):
        spec = specify(Convolution(images=1, into=16, out=16, height=height, width=128).forward())
        assert spec is not None
        scratch.append(contraction_kernel(Module(here()), spec).scratch)
    assert max(scratch) < 16 * 64 * 128 * 4

"""Convolutions in tests, as products of affine reads: forward, and the adjoints in the image and in the weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.ir import Affine, Index, as_affine
from covector.schedule.plan import Product
from tests.support.contraction import affine_product

Array = NDArray[Any]


@dataclass(frozen=True)
class Convolution:
    """A 2-D convolution in PyTorch's layout; ``out`` and ``into`` are channels of one group."""

    images: int = 2
    into: int = 3
    out: int = 4
    height: int = 8
    width: int = 8
    filter: tuple[int, int] = (3, 3)
    stride: int = 1
    padding: int = 1
    dilation: int = 1
    groups: int = 1
    dtype: str = "float32"

    @property
    def image_shape(self) -> tuple[int, ...]:
        return (self.images, self.groups * self.into, self.height, self.width)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        return (self.groups * self.out, self.into, *self.filter)

    @property
    def result_shape(self) -> tuple[int, ...]:
        sizes = (
            (size + 2 * self.padding - self.dilation * (extent - 1) - 1) // self.stride + 1
            for size, extent in zip((self.height, self.width), self.filter, strict=True)
        )
        return (self.images, self.groups * self.out, *sizes)

    def forward(self) -> Product:
        """result = image * weight"""
        return self._product(2)

    def weight_adjoint(self) -> Product:
        """The cotangent of the weight, from the image and that of the result."""
        return self._product(1)

    def _product(self, target: int) -> Product:
        """One of the three tensors from the two others: they are read at the same positions in all three."""
        n, g, o, c = (
            Index(name, as_affine(extent))
            for name, extent in zip("ngoc", (self.images, self.groups, self.out, self.into), strict=True)
        )
        p, q = (Index(name, as_affine(extent)) for name, extent in zip("pq", self.filter, strict=True))
        y, x = (Index(name, as_affine(extent)) for name, extent in zip("yx", self.result_shape[2:], strict=True))
        image = [n, g * as_affine(self.into) + c, self._at(y, p), self._at(x, q)]
        weight = [g * as_affine(self.out) + o, c, p, q]
        result = [n, g * as_affine(self.out) + o, y, x]
        if target == 2:
            roles, tensors = ([g], [o], [n, y, x], [c, p, q]), ((weight, self.weight_shape), (image, self.image_shape))
            goal = result, self.result_shape
        else:
            roles, tensors = ([g], [o], [c, p, q], [n, y, x]), ((result, self.result_shape), (image, self.image_shape))
            goal = weight, self.weight_shape
        return _affine([*tensors, goal], roles, self.dtype)

    def _at(self, position: Index, tap: Index) -> Affine:
        return self.stride * as_affine(position) + self.dilation * as_affine(tap) - self.padding

    def image_adjoint(self) -> Product:
        """The cotangent of the image, from the weight and that of the result: stride 1, or 2 and dilation 1.

        For stride 2 the even and the odd positions are batches, each with every other tap.
        """
        n, g, o, c = (
            Index(name, as_affine(extent))
            for name, extent in zip("ngoc", (self.images, self.groups, self.out, self.into), strict=True)
        )
        axes = [self._phases(axis) for axis in range(2)]
        result = [n, g * as_affine(self.out) + o, *(axis[0] for axis in axes)]
        weight = [g * as_affine(self.out) + o, c, *(axis[1] for axis in axes)]
        image = [n, g * as_affine(self.into) + c, *(axis[2] for axis in axes)]
        batch = [g, *(index for axis in axes for index in axis[3])]
        columns = [n, *(axis[4] for axis in axes)]
        inner = [o, *(axis[5] for axis in axes)]
        tensors = (weight, self.weight_shape), (result, self.result_shape), (image, self.image_shape)
        return _affine([*tensors], (batch, [c], columns, inner), self.dtype)

    def _phases(self, axis: int) -> tuple[Affine, Affine, Affine, list[Index], Index, Index]:
        """Positions in result, weight and image, the batch of phases, and the indices of positions and taps."""
        size, taps = (self.height, self.width)[axis], self.filter[axis]
        if self.stride == 1:
            k, p = Index(f"k{axis}", as_affine(size)), Index(f"p{axis}", as_affine(taps))
            return k + as_affine(self.padding) - self.dilation * as_affine(p), as_affine(p), as_affine(k), [], k, p
        assert (self.stride, self.dilation, size % 2) == (2, 1, 0)
        phase, odd = Index(f"f{axis}", as_affine(2)), self.padding % 2
        k, p = Index(f"k{axis}", as_affine(size // 2)), Index(f"p{axis}", as_affine(taps // 2 + 2))
        tap = 2 * as_affine(p) - 2 + phase + odd
        return as_affine(k) + (self.padding - odd) // 2 - p + 1, tap, 2 * as_affine(k) + phase, [phase], k, p


def _affine(tensors: list[tuple[list[object], tuple[int, ...]]], roles: tuple[list[Index], ...], dtype: str) -> Product:
    positions = [[as_affine(at) for at in read] for read, _ in tensors]  # type: ignore[arg-type]
    return affine_product(positions, [[as_affine(e) for e in shape] for _, shape in tensors], *roles, dtype)


def reference(sizes: Convolution, image: Array, weight: Array, cotangent: Array) -> tuple[Array, Array, Array]:
    """The result, the weight's cotangent and the image's, tap by tap."""
    n, g, o, c = sizes.images, sizes.groups, sizes.out, sizes.into
    border = [(0, 0)] * 2 + [(sizes.padding, sizes.padding)] * 2
    padded = np.pad(image, border).reshape(n, g, c, *(np.array(image.shape[2:]) + 2 * sizes.padding))
    filters = weight.reshape(g, o, *weight.shape[1:])
    height, width = sizes.result_shape[2:]
    seed = cotangent.reshape(n, g, o, height, width)
    result, adjoint, padded_adjoint = np.zeros_like(seed), np.zeros_like(filters), np.zeros_like(padded)
    for p, q in np.ndindex(*sizes.filter):
        rows, columns = (
            slice(start, start + sizes.stride * (extent - 1) + 1, sizes.stride)
            for start, extent in ((p * sizes.dilation, height), (q * sizes.dilation, width))
        )
        part = padded[..., rows, columns]
        result += np.einsum("goc,ngcyx->ngoyx", filters[..., p, q], part)
        adjoint[..., p, q] = np.einsum("ngoyx,ngcyx->goc", seed, part)
        padded_adjoint[..., rows, columns] += np.einsum("goc,ngoyx->ngcyx", filters[..., p, q], seed)
    inside = slice(sizes.padding, sizes.padding + sizes.height), slice(sizes.padding, sizes.padding + sizes.width)
    return (
        result.reshape(cotangent.shape),
        adjoint.reshape(weight.shape),
        padded_adjoint[(..., *inside)].reshape(image.shape),
    )

"""Two-dimensional convolution, forward and backward, 3×3 with padding 1: plain, of stride 2, in groups, depthwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

import covector as cv
from benchmarks import peers
from benchmarks.measure import Effort, timed
from benchmarks.record import COMPILED, EAGER, JAX, JIT, NUMPY, TORCH, Bar, Contender, Outcome, Row, Work

RESULTS = ("y", "dx", "dweight")
IMAGES, SIDE, KERNEL = 32, 32, 3


@dataclass(frozen=True)
class Convolution:
    """As many output channels as input channels."""

    channels: int
    stride: int = 1
    groups: int = 1

    @property
    def options(self) -> dict[str, int]:
        """How libraries are told what it is."""
        return {"padding": 1, "stride": self.stride, "groups": self.groups}

    @cached_property
    def inputs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images, weight, and the cotangent of the output."""
        generator, channels, depth = np.random.default_rng(0), self.channels, self.channels // self.groups
        images = generator.normal(size=(IMAGES, channels, SIDE, SIDE))
        weight = generator.normal(size=(channels, depth, KERNEL, KERNEL)) / (KERNEL * np.sqrt(depth))
        cotangent = generator.normal(size=(IMAGES, channels, SIDE // self.stride, SIDE // self.stride))
        return images.astype(np.float32), weight.astype(np.float32), cotangent.astype(np.float32)

    @property
    def work(self) -> Work:
        """Three products of 9·C·C / groups for every pixel of the output; two arrays of images, two of outputs."""
        pixels, seen = IMAGES * SIDE * SIDE, IMAGES * (SIDE // self.stride) ** 2
        products = 3 * seen * (KERNEL * self.channels) ** 2 / self.groups
        return Work(flops=2.0 * products, bytes=4.0 * 2 * (pixels + seen) * self.channels)

    def expected(self) -> Outcome:
        """The results in float64, by hand."""
        images, weight, cotangent = (array.astype(np.float64) for array in self.inputs)
        return named(by_hand(images, weight, cotangent, self.stride, self.groups))


def named(found: Any) -> Outcome:
    """Output and gradients by name."""
    return {name: np.array(value) for name, value in zip(RESULTS, found, strict=True)}


def by_hand(
    images: np.ndarray, weight: np.ndarray, cotangent: np.ndarray, stride: int = 1, groups: int = 1
) -> tuple[np.ndarray, ...]:
    """NumPy: images with channels last, and for each of nine places of the kernel a matrix product of each group."""
    count, channels, height, width = images.shape
    lines, pixels = cotangent.shape[2:]
    padded = np.zeros((count, height + 2, width + 2, groups, channels // groups), images.dtype)
    padded[:, 1:-1, 1:-1] = images.transpose(0, 2, 3, 1).reshape(count, height, width, groups, -1)
    given = grouped(cotangent.transpose(0, 2, 3, 1).reshape(count, lines, pixels, groups, -1))
    filters = weight.reshape(groups, -1, *weight.shape[1:])
    output, pulled, update = np.zeros_like(given), np.zeros_like(padded), np.empty_like(filters)
    for row, column in np.ndindex(KERNEL, KERNEL):
        tap = np.ascontiguousarray(filters[..., row, column])
        place = (slice(None), slice(row, row + height, stride), slice(column, column + width, stride))
        window = grouped(padded[place])
        output += window @ tap.swapaxes(1, 2)
        update[..., row, column] = given.swapaxes(1, 2) @ window
        pulled[place] += (given @ tap).reshape(groups, count, lines, pixels, -1).transpose(1, 2, 3, 0, 4)
    result = output.reshape(groups, count, lines, pixels, -1).transpose(1, 0, 4, 2, 3)
    gradient = pulled[:, 1:-1, 1:-1].reshape(images.shape[0], height, width, channels).transpose(0, 3, 1, 2)
    return result.reshape(cotangent.shape), gradient, update.reshape(weight.shape)


def grouped(array: np.ndarray) -> np.ndarray:
    """A matrix for each group: a row for each pixel of every image."""
    return np.ascontiguousarray(array.transpose(3, 0, 1, 2, 4)).reshape(array.shape[3], -1, array.shape[4])


def rows(effort: Effort) -> list[Row]:
    """A row for each number of channels, and one for each other kind of convolution."""
    cases = {f"conv2d-{channels}": (Convolution(channels), "") for channels in (16, 32, 64)}
    cases["conv2d-stride"] = Convolution(64, stride=2), ", stride 2"
    cases["conv2d-groups"] = Convolution(64, groups=4), ", 4 groups"
    cases["conv2d-depthwise"] = Convolution(64, groups=64), ", depthwise"
    found = []
    for name, (case, kind) in cases.items():
        makers = {JIT: jitted, EAGER: eager, TORCH: torch, COMPILED: compiled, JAX: jax, NUMPY: numpy}
        contenders: Mapping[str, Callable[[], Contender]] = {
            name: partial(make, case, effort) for name, make in makers.items()
        }
        title = f"conv2d forward and backward, {IMAGES}×{case.channels}×{SIDE}×{SIDE}, 3×3{kind}"
        bars = (Bar(JIT, 1.0, (TORCH,)),)
        found.append(Row(name, title, contenders, bars, case.work, case.expected, rounds=15))
    return found


def numpy(case: Convolution, effort: Effort) -> Contender:
    """By hand."""
    work = partial(by_hand, *case.inputs, case.stride, case.groups)
    return Contender(timed(work, effort), named(work()))


def torch(case: Convolution, effort: Effort) -> Contender:
    """PyTorch eager: oneDNN."""
    return _torch(case, effort, peers.torch().nn.functional.conv2d)


def compiled(case: Convolution, effort: Effort) -> Contender:
    """The same under torch.compile."""
    functional = peers.compiler().nn.functional
    return _torch(case, effort, peers.compiler().compile(functional.conv2d, dynamic=False))


def _torch(case: Convolution, effort: Effort, function: Callable[..., Any]) -> Contender:
    library = peers.torch()
    images, weight, cotangent = map(library.from_numpy, case.inputs)
    wanted = [images.requires_grad_(), weight.requires_grad_()]

    def work() -> list[Any]:
        value = function(images, weight, **case.options)
        return [value, *library.autograd.grad(value, wanted, cotangent)]

    return Contender(timed(work, effort), named([found.detach().numpy() for found in work()]))


def jax(case: Convolution, effort: Effort) -> Contender:
    """Forward and backward in one function under jax.jit."""
    library = peers.jax()

    def convolve(images: Any, weight: Any) -> Any:
        """The convolution alone; ``pad`` as the other libraries have it."""
        strides, pad = (case.stride, case.stride), ((1, 1), (1, 1))
        return library.lax.conv_general_dilated(images, weight, strides, pad, feature_group_count=case.groups)

    def whole(images: Any, weight: Any, cotangent: Any) -> Any:
        value, pullback = library.vjp(convolve, images, weight)
        return value, *pullback(cotangent)

    given = [library.numpy.asarray(array) for array in case.inputs]
    compiled_whole = library.jit(whole)

    def work() -> Any:
        return library.block_until_ready(compiled_whole(*given))

    return Contender(timed(work, effort), named(work()))


def covector_work(
    case: Convolution, images: cv.Tensor, weight: cv.Tensor, cotangent: cv.Tensor
) -> tuple[cv.Tensor, ...]:
    """The work as a user writes it."""
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    value = cv.nn.functional.conv2d(images, weight, **case.options)
    value.backward(cotangent)
    return value.detach(), images.grad, weight.grad


def eager(case: Convolution, effort: Effort) -> Contender:
    """Define-by-run."""
    given = [cv.tensor(array) for array in case.inputs]

    def work() -> list[np.ndarray]:
        return [tensor.numpy() for tensor in covector_work(case, *given)]

    return Contender(timed(work, effort), named(work()))


def jitted(case: Convolution, effort: Effort) -> Contender:
    """Under ``cv.jit``."""
    given = [cv.tensor(array) for array in case.inputs]
    whole = cv.jit(partial(covector_work, case))
    found = named([tensor.numpy() for tensor in whole(*given)])
    return Contender(timed(lambda: whole(*given), effort), found)

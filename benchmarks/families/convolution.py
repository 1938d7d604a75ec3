"""Two-dimensional convolution, forward and backward, 3×3 with padding 1."""

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

    @cached_property
    def inputs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Images, weight, and the cotangent of the output."""
        generator, channels = np.random.default_rng(0), self.channels
        images = generator.normal(size=(IMAGES, channels, SIDE, SIDE))
        weight = generator.normal(size=(channels, channels, KERNEL, KERNEL)) / (KERNEL * np.sqrt(channels))
        cotangent = generator.normal(size=images.shape)
        return images.astype(np.float32), weight.astype(np.float32), cotangent.astype(np.float32)

    @property
    def work(self) -> Work:
        """Three products of 9·C·C for every pixel; images and cotangent in, output and the images' gradient out."""
        pixels = IMAGES * SIDE * SIDE
        products = 3 * pixels * (KERNEL * self.channels) ** 2
        return Work(flops=2.0 * products, bytes=4.0 * 4 * pixels * self.channels)

    def expected(self) -> Outcome:
        """The results in float64, by hand."""
        return named(by_hand(*(array.astype(np.float64) for array in self.inputs)))


def named(found: Any) -> Outcome:
    """Output and gradients by name."""
    return {name: np.array(value) for name, value in zip(RESULTS, found, strict=True)}


def by_hand(images: np.ndarray, weight: np.ndarray, cotangent: np.ndarray) -> tuple[np.ndarray, ...]:
    """NumPy: images with channels last, and one matrix product for each of the nine places of the kernel."""
    count, channels, height, width = images.shape
    padded = np.zeros((count, height + 2, width + 2, channels), images.dtype)
    padded[:, 1:-1, 1:-1] = images.transpose(0, 2, 3, 1)
    given = np.ascontiguousarray(cotangent.transpose(0, 2, 3, 1)).reshape(-1, channels)
    output, pulled, update = np.zeros_like(given), np.zeros_like(padded), np.empty_like(weight)
    for row, column in np.ndindex(KERNEL, KERNEL):
        tap = np.ascontiguousarray(weight[:, :, row, column])
        place = (slice(None), slice(row, row + height), slice(column, column + width))
        window = np.ascontiguousarray(padded[place]).reshape(-1, channels)
        output += window @ tap.T
        update[:, :, row, column] = given.T @ window
        pulled[place] += (given @ tap).reshape(count, height, width, channels)
    shape = (count, height, width, channels)
    return output.reshape(shape).transpose(0, 3, 1, 2), pulled[:, 1:-1, 1:-1].transpose(0, 3, 1, 2), update


def rows(effort: Effort) -> list[Row]:
    """A row for each number of channels."""
    found = []
    for channels in (16, 32, 64):
        case = Convolution(channels)
        makers = {JIT: jitted, EAGER: eager, TORCH: torch, COMPILED: compiled, JAX: jax, NUMPY: numpy}
        contenders: Mapping[str, Callable[[], Contender]] = {
            name: partial(make, case, effort) for name, make in makers.items()
        }
        title = f"conv2d forward and backward, {IMAGES}×{channels}×{SIDE}×{SIDE}, 3×3"
        bars = (Bar(JIT, 1.0, (TORCH,)),)
        found.append(Row(f"conv2d-{channels}", title, contenders, bars, case.work, case.expected, rounds=15))
    return found


def numpy(case: Convolution, effort: Effort) -> Contender:
    """By hand."""
    return Contender(timed(lambda: by_hand(*case.inputs), effort), named(by_hand(*case.inputs)))


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
        value = function(images, weight, padding=1)
        return [value, *library.autograd.grad(value, wanted, cotangent)]

    return Contender(timed(work, effort), named([found.detach().numpy() for found in work()]))


def jax(case: Convolution, effort: Effort) -> Contender:
    """Forward and backward in one function under jax.jit."""
    library = peers.jax()

    def whole(images: Any, weight: Any, cotangent: Any) -> Any:
        value, pullback = library.vjp(lambda x, w: library.lax.conv(x, w, (1, 1), "SAME"), images, weight)
        return value, *pullback(cotangent)

    given = [library.numpy.asarray(array) for array in case.inputs]
    compiled_whole = library.jit(whole)

    def work() -> Any:
        return library.block_until_ready(compiled_whole(*given))

    return Contender(timed(work, effort), named(work()))


def covector_work(images: cv.Tensor, weight: cv.Tensor, cotangent: cv.Tensor) -> tuple[cv.Tensor, ...]:
    """The work as a user writes it."""
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    value = cv.nn.functional.conv2d(images, weight, padding=1)
    value.backward(cotangent)
    return value.detach(), images.grad, weight.grad


def eager(case: Convolution, effort: Effort) -> Contender:
    """Define-by-run."""
    given = [cv.tensor(array) for array in case.inputs]

    def work() -> list[np.ndarray]:
        return [tensor.numpy() for tensor in covector_work(*given)]

    return Contender(timed(work, effort), named(work()))


def jitted(case: Convolution, effort: Effort) -> Contender:
    """Under ``cv.jit``."""
    given = [cv.tensor(array) for array in case.inputs]
    whole = cv.jit(covector_work)
    found = named([tensor.numpy() for tensor in whole(*given)])
    return Contender(timed(lambda: whole(*given), effort), found)

"""Random tensors: `covector.random`, from generators that are seeded and reproducible.

Under `jit` a draw is made anew in every call, from the generator that it was made from while tracing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.errors import ShapeError
from covector.tensors.dtypes import NUMPY, Dtype, as_dtype, float32, int64, kind_of
from covector.tensors.node import renewed
from covector.tensors.shapes import as_shape
from covector.tensors.tensor import Tensor

_Draw = Callable[[np.random.Generator], NDArray[Any]]


class Generator:
    """A source of random numbers: equal seeds give equal draws.

    >>> import covector as cv
    >>> a, b = cv.random.Generator(7), cv.random.Generator(7)
    >>> bool((cv.random.normal((3,), generator=a) == cv.random.normal((3,), generator=b)).all())
    True
    """

    def __init__(self, seed: int | None = None) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int | None) -> Generator:
        """Start again from a seed; None takes one from the system."""
        self.numpy = np.random.Generator(np.random.SFC64(seed))
        return self

    def get_state(self) -> Any:
        """Where the generator stands."""
        return self.numpy.bit_generator.state

    def set_state(self, state: Any) -> None:
        """Let the generator stand where another stood."""
        self.numpy.bit_generator.state = state


default_generator = Generator()
"""The generator of the draws that name none."""


def manual_seed(seed: int) -> Generator:
    """Seed the default generator.

    >>> import covector as cv
    >>> _ = cv.random.manual_seed(0); first = cv.random.uniform((2,))
    >>> _ = cv.random.manual_seed(0); bool((first == cv.random.uniform((2,))).all())
    True
    """
    return default_generator.manual_seed(seed)


@dataclass(frozen=True, slots=True)
class Draw:
    """What draws an array from a generator each time that it is called: as it is, or ``count`` of it side by side."""

    draw: _Draw
    dtype: Dtype
    generator: Generator
    counts: tuple[int, ...] = ()

    def __call__(self) -> NDArray[Any]:
        if not self.counts:
            return np.asarray(self.draw(self.generator.numpy), NUMPY[self.dtype], order="C")
        one = replace(self, counts=self.counts[1:])
        return np.stack([one() for _ in range(self.counts[0])])

    def repeated(self, count: int) -> Draw:
        """Draws of this sort along a new first axis, each of its own."""
        return replace(self, counts=(count, *self.counts))


def _drawn(draw: _Draw, shape: Sequence[int], dtype: Any, generator: Generator | None) -> Tensor:
    wanted = as_dtype(dtype)
    return Tensor(renewed(kind_of(shape, wanted), Draw(draw, wanted, generator or default_generator)))


def _fraction(dtype: Any) -> Any:
    """The dtype in which NumPy draws fractions."""
    return np.float32 if as_dtype(dtype) == "float32" else np.float64


def normal(
    shape: Any = (), mean: float = 0, std: float = 1, dtype: Any = float32, generator: Generator | None = None
) -> Tensor:
    """Normally distributed numbers.

    >>> import covector as cv
    >>> cv.random.normal((2, 3)).shape
    (2, 3)
    """
    extents, kind = as_shape((shape,)), _fraction(dtype)
    return _drawn(
        lambda source: source.standard_normal(extents, kind) * kind(std) + kind(mean), extents, dtype, generator
    )


def uniform(
    shape: Any = (), low: float = 0, high: float = 1, dtype: Any = float32, generator: Generator | None = None
) -> Tensor:
    """Numbers distributed evenly from ``low`` to before ``high``.

    >>> import covector as cv
    >>> bool((cv.random.uniform((5,), 1, 2) >= 1).all())
    True
    """
    extents, kind = as_shape((shape,)), _fraction(dtype)
    return _drawn(lambda source: source.random(extents, kind) * kind(high - low) + kind(low), extents, dtype, generator)


def integers(
    low: int, high: int | None = None, shape: Any = (), dtype: Any = int64, generator: Generator | None = None
) -> Tensor:
    """Whole numbers from ``low`` (0 where one bound is given) to before ``high``.

    >>> import covector as cv
    >>> cv.random.integers(1, 2, (3,))
    tensor([1, 1, 1])
    """
    first, last = (0, low) if high is None else (low, high)
    extents = as_shape((shape,))
    return _drawn(lambda source: np.asarray(source.integers(first, last, extents)), extents, dtype, generator)


def randint(low: int, high: int, shape: Any, dtype: Any = int64, generator: Generator | None = None) -> Tensor:
    """`integers` under PyTorch's name."""
    return integers(low, high, shape, dtype, generator)


def bernoulli(p: float, shape: Any = (), dtype: Any = float32, generator: Generator | None = None) -> Tensor:
    """Ones with probability ``p``, zeros otherwise.

    >>> import covector as cv
    >>> cv.random.bernoulli(1.0, (2,))
    tensor([1., 1.])
    """
    if not 0 <= p <= 1:
        raise ShapeError(f"bernoulli: a probability is from 0 to 1, not {p}")
    extents = as_shape((shape,))
    return _drawn(lambda source: source.random(extents, np.float32) < p, extents, dtype, generator)


def permutation(n: int, generator: Generator | None = None) -> Tensor:
    """The numbers from 0 to before n in random order.

    >>> import covector as cv
    >>> sorted(cv.random.permutation(3).tolist())
    [0, 1, 2]
    """
    return _drawn(lambda source: source.permutation(n), (n,), int64, generator)


def randn(*shape: Any, dtype: Any = float32, generator: Generator | None = None) -> Tensor:
    """`normal` under PyTorch's name."""
    return normal(as_shape(shape), dtype=dtype, generator=generator)


def rand(*shape: Any, dtype: Any = float32, generator: Generator | None = None) -> Tensor:
    """`uniform` under PyTorch's name."""
    return uniform(as_shape(shape), dtype=dtype, generator=generator)


randperm = permutation

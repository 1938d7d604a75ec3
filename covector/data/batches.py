"""Batches from arrays: in order or shuffled, gathered ahead by a thread where that is wanted."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from covector.errors import CovectorError, ShapeError
from covector.tensors.creation import asarray
from covector.tensors.random import default_generator
from covector.tensors.tensor import Tensor

_WAIT = 0.1  # seconds after which a thread that cannot hand a batch over looks whether anybody still wants it


class Batches:
    """The batches of some arrays, each time they are gone through; made by `batches`."""

    def __init__(
        self, arrays: Sequence[np.ndarray], size: int, shuffle: bool, seed: int | None, drop_last: bool, prefetch: int
    ) -> None:
        self.arrays, self.size, self.shuffle = tuple(arrays), size, shuffle
        self.drop_last, self.prefetch = drop_last, prefetch
        self._seeds = None if seed is None else np.random.SeedSequence(seed)

    @property
    def samples(self) -> int:
        """The number of rows of each array."""
        return len(self.arrays[0])

    def __len__(self) -> int:
        """The number of batches."""
        return self.samples // self.size if self.drop_last else -(-self.samples // self.size)

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Go through the batches once: an epoch; each epoch of shuffled batches has an order of its own."""
        order = self._generator().permutation(self.samples) if self.shuffle else None
        found = (self._batch(order, start * self.size) for start in range(len(self)))
        gathered = _ahead(found, self.prefetch) if self.prefetch else found
        return (tuple(asarray(array) for array in batch) for batch in gathered)

    def _generator(self) -> np.random.Generator:
        """What shuffles an epoch: the seed's own sequence, or else the generator that `random.manual_seed` seeds."""
        return default_generator.numpy if self._seeds is None else np.random.default_rng(self._seeds.spawn(1)[0])

    def _batch(self, order: np.ndarray | None, start: int) -> tuple[np.ndarray, ...]:
        rows = slice(start, start + self.size) if order is None else order[start : start + self.size]
        return tuple(np.ascontiguousarray(array[rows]) for array in self.arrays)

    def __repr__(self) -> str:
        how = "shuffled" if self.shuffle else "in order"
        return f"<{len(self)} batches of {self.size} from {self.samples} samples, {how}>"


def batches(
    *arrays: Any,
    size: int = 32,
    shuffle: bool = False,
    seed: int | None = None,
    drop_last: bool = False,
    prefetch: int = 0,
) -> Batches:
    """Batches of rows of some arrays, which belong together: inputs and targets.

    ``arrays`` are tensors, NumPy arrays or lists with the same first extent; a batch is a tuple of tensors of their
    dtypes. The last batch may be smaller, and with ``drop_last`` is left out then. ``shuffle`` takes the rows in
    another order each epoch: the same orders for the same ``seed``, and without one those of `random.manual_seed`.
    ``prefetch`` batches are gathered ahead by a thread.

    Raises `ShapeError` where the arrays have different numbers of rows, or none.

    >>> from covector import data
    >>> [x.tolist() for x, y in data.batches([1, 2, 3], [4, 5, 6], size=2)]
    [[1, 2], [3]]
    """
    found = [_rows(array) for array in arrays]
    if not found:
        raise ShapeError("batches are made of arrays, and none is given", hint="batches(inputs, targets, size=32)")
    if len({len(array) for array in found}) > 1:
        shapes = ", ".join(str(array.shape) for array in found)
        raise ShapeError(f"the arrays of batches have different numbers of rows: {shapes}")
    _check("size", size, 1)
    _check("prefetch", prefetch, 0)
    return Batches(found, size, shuffle, seed, drop_last, prefetch)


def split(*arrays: Any, test: float = 0.2, seed: int | None = 0) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Rows of some arrays for training, and the share ``test`` of them, chosen by chance, for testing.

    The same seed chooses the same rows. Raises `ShapeError` as `batches` does, and `CovectorError` where a part
    would be empty.

    >>> from covector import data
    >>> train, test = data.split(list(range(10)), test=0.3)
    >>> train[0].shape, test[0].shape
    ((7,), (3,))
    """
    whole = batches(*arrays)
    kept = round(whole.samples * test)
    if not 0 < kept < whole.samples:
        message = f"a share of {test} of {whole.samples} samples leaves a part empty"
        raise CovectorError(message, hint="test is a share between 0 and 1, such as 0.2")
    order = np.random.default_rng(seed).permutation(whole.samples)
    return _taken(whole, np.sort(order[kept:])), _taken(whole, np.sort(order[:kept]))


def _taken(data: Batches, rows: np.ndarray) -> tuple[Tensor, ...]:
    """The rows of some numbers, of every array."""
    return tuple(asarray(np.ascontiguousarray(array[rows])) for array in data.arrays)


def _rows(array: Any) -> np.ndarray:
    """An argument as an array of rows."""
    found = np.asarray(array.detach().numpy() if isinstance(array, Tensor) else array)
    if not found.ndim:
        raise ShapeError(f"batches are made of arrays of rows, and {array!r} is a single number")
    return found


def _check(name: str, value: int, least: int) -> None:
    if value < least:
        raise CovectorError(f"{name} is {value}, and must be at least {least}")


_END = object()


def _ahead(found: Iterable[Any], capacity: int) -> Iterator[Any]:
    """The same items, found by a thread that is up to ``capacity`` ahead; it ends with the iterator."""
    line: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(maxsize=capacity)
    unwanted = threading.Event()

    def put(item: Any, error: BaseException | None = None) -> None:
        while not unwanted.is_set():
            try:
                line.put((item, error), timeout=_WAIT)
            except queue.Full:
                continue
            return

    def gather() -> None:
        try:
            for item in found:
                put(item)
                if unwanted.is_set():
                    return
            put(_END)
        except BaseException as error:  # handed to whoever waits for the batch
            put(_END, error)

    thread = threading.Thread(target=gather, name="covector-batches", daemon=True)
    thread.start()
    try:
        while True:
            item, error = line.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        unwanted.set()
        thread.join()

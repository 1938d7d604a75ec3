"""Weights on disk: safetensors files, written beside and renamed, so that a kill never leaves a broken file."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, deserialize, safe_open
from safetensors.numpy import save_file

from covector.errors import CovectorError, StateError
from covector.nn.module import Module
from covector.tensors.creation import asarray
from covector.tensors.tensor import Tensor

_TREE = "covector.tree"  # the entry of a file's metadata that says how its tensors are nested
_WIDER = {"I8": "int32", "I16": "int32", "U8": "int32", "U16": "int32", "U32": "int64", "F16": "float32"}
_OURS = {"BOOL", "I32", "I64", "F32", "F64"}


def save(path: str | PathLike[str], weights: Any, metadata: Mapping[str, str] | None = None) -> None:
    """Write a module's state, or tensors by name, to a safetensors file, which PyTorch reads as well.

    ``weights`` is a module, a state dict, or dictionaries and lists of tensors, numbers, texts and None, nested, such
    as ``{"model": model.state_dict(), "optimizer": optimizer.state_dict()}``. ``metadata`` are texts by name. The file
    is written beside the path and renamed at the end: at every moment the path holds the old file or the new one.

    Raises `CovectorError` where something else than these stands among the weights, and `OSError` where the file
    cannot be written.

    >>> import tempfile
    >>> import covector as cv
    >>> model = cv.nn.Linear(3, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     cv.save(f"{folder}/model.safetensors", model)
    ...     cv.load(f"{folder}/model.safetensors")["bias"].shape
    (2,)
    """
    tree = weights.state_dict() if isinstance(weights, Module) else weights
    tensors: dict[str, np.ndarray] = {}
    shape = _take_apart(tree, (), tensors)
    notes = dict(metadata or {})
    if not (isinstance(tree, Mapping) and all(isinstance(value, (Tensor, np.ndarray)) for value in tree.values())):
        notes[_TREE] = json.dumps(shape)
    with _replacing(Path(path)) as beside:
        save_file(tensors, beside, metadata=notes or None)


def load(path: str | PathLike[str]) -> Any:
    """What `save` wrote: tensors by name, or nested as they were saved; files of other makers are tensors by name.

    Whole numbers and floats of fewer bits become int32, int64 and float32. Raises `StateError` where the file is cut
    off or no safetensors file, and `FileNotFoundError` where there is none.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {str(file)!r}")
    try:
        with safe_open(file, framework="numpy") as opened:
            notes = opened.metadata() or {}
            kinds = {name: opened.get_slice(name).get_dtype() for name in opened.keys()}  # noqa: SIM118 (no iterator)
            tensors = {name: _array(opened, name, kind) for name, kind in kinds.items() if kind != "BF16"}
    except SafetensorError as error:
        hint = "it was cut off while it was copied, or is of another format (a .pt file is a pickle, which is not read)"
        raise StateError(f"{str(file)!r} is not a whole safetensors file: {error}", hint=hint) from None
    tensors |= _halves(file, [name for name, kind in kinds.items() if kind == "BF16"])
    found = {name: asarray(array) for name, array in sorted(tensors.items())}
    return _put_together(json.loads(notes[_TREE]), found) if _TREE in notes else found


def _array(opened: Any, name: str, kind: str) -> np.ndarray:
    """A tensor of an open file, in one of our dtypes."""
    if kind not in _OURS and kind not in _WIDER:
        known = ", ".join(sorted(_OURS | set(_WIDER) | {"BF16"}))
        raise StateError(f"{name} is of the dtype {kind}, which is not known", hint=f"those known: {known}")
    array: np.ndarray = opened.get_tensor(name)
    return array.astype(_WIDER[kind]) if kind in _WIDER else array


def _halves(file: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The tensors of bfloat16, which NumPy lacks, as float32: their bits are the upper half of it."""
    found = {}
    if names:
        for name, entry in deserialize(file.read_bytes()):  # type: ignore[no-untyped-call]
            if name in names:
                upper = np.frombuffer(entry["data"], dtype="<u2").astype(np.uint32) << 16
                found[name] = upper.view(np.float32).reshape(entry["shape"])
    return found


def _take_apart(tree: Any, path: tuple[str, ...], tensors: dict[str, np.ndarray]) -> Any:
    """The tree for JSON, each tensor in it replaced by its name and put among the tensors.

    A dictionary is a list of pairs, for keys may be numbers.
    """
    if isinstance(tree, (Tensor, np.ndarray)):
        name = ".".join(path) or "tensor"
        if name in tensors:
            raise CovectorError(f"two tensors would be called {name!r} in the file", hint="rename one of their keys")
        values = tree.detach().numpy() if isinstance(tree, Tensor) else tree
        tensors[name] = np.ascontiguousarray(values).reshape(values.shape)
        return {"tensor": name}
    if isinstance(tree, Mapping):
        return {"pairs": [[key, _take_apart(value, (*path, str(key)), tensors)] for key, value in tree.items()]}
    if isinstance(tree, (list, tuple)):
        return {"list": [_take_apart(value, (*path, str(place)), tensors) for place, value in enumerate(tree)]}
    if tree is None or isinstance(tree, (bool, int, float, str)):
        return {"value": tree}
    where = ".".join(path) or "the whole"
    message = f"{where} is {type(tree).__name__} {tree!r}, which a safetensors file cannot hold"
    raise CovectorError(message, hint="save tensors, numbers, texts and None, in dictionaries and lists")


def _put_together(shape: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Any:
    """The tree that `_take_apart` took apart."""
    ((kind, content),) = shape.items()
    if kind == "pairs":
        return {key: _put_together(value, tensors) for key, value in content}
    if kind == "list":
        return [_put_together(value, tensors) for value in content]
    return tensors[content] if kind == "tensor" else content


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[str]:
    """The name of a new file beside a path, which takes the path's place at the end, or goes where something fails."""
    handle, beside = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield beside
        _settle(beside, os.O_RDWR)
        _mode_of_a_new_file(beside)
        os.replace(beside, path)
        _settle(path.parent, os.O_RDONLY)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def _settle(path: str | Path, flags: int) -> None:
    """Wait until what was written is on the disk, so that the rename never comes before the content."""
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mode_of_a_new_file(path: str) -> None:
    """Give a file the permissions that `open` would have given it; `mkstemp` made it private."""
    mask = os.umask(0)
    os.umask(mask)
    os.chmod(path, 0o666 & ~mask)

"""Setting the state of a module: all of it, or none where something does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from covector.errors import StateError, nearest
from covector.tensors.backward import no_grad
from covector.tensors.creation import asarray
from covector.tensors.tensor import Tensor


class IncompatibleKeys(NamedTuple):
    """The keys that a state dict lacked, and those that the module did not know."""

    missing_keys: list[str]
    unexpected_keys: list[str]


def load(kind: str, wanted: Mapping[str, Tensor], given: Mapping[str, Any], strict: bool) -> IncompatibleKeys:
    """Set the entries of a module of some kind to given values; raises `StateError` before anything is changed."""
    values = {name: asarray(value) for name, value in given.items() if name in wanted}
    missing = [name for name in wanted if name not in given]
    unexpected = [name for name in given if name not in wanted]
    faults = _keys("missing", missing, unexpected) + _keys("unexpected", unexpected, missing) if strict else []
    faults += _shapes(wanted, values)
    if faults:
        message = "\n".join([f"the state dict does not fit {kind}:", *faults])
        hint = "load_state_dict(…, strict=False) leaves what is missing as it is" if missing or unexpected else None
        raise StateError(message, hint=hint if strict else None)
    with no_grad():
        for name, value in values.items():
            wanted[name].copy_(value)
    return IncompatibleKeys(missing, unexpected)


def _keys(what: str, names: list[str], others: list[str]) -> list[str]:
    """The line that names missing or unexpected keys, each with the key that may be meant."""
    if not names:
        return []
    close = {name: nearest(name, others) for name in names}
    told = [f"{name!r}" + (f" (is it {close[name]!r}?)" if close[name] else "") for name in names]
    return [f"  {what} {'key' if len(names) == 1 else 'keys'}: {', '.join(told)}"]


def _shapes(wanted: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> list[str]:
    """A line for each value whose shape is another than the module's."""
    return [
        f"  {name} has the shape {tuple(value.shape)} in the state dict, and {tuple(wanted[name].shape)} in the module"
        for name, value in values.items()
        if tuple(value.shape) != tuple(wanted[name].shape)
    ]

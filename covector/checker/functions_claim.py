"""The backward that is checked: hand-written, or what PyTorch or JAX does for a forward."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from covector.checker.frameworks import Framework, OwnGradients, as_list
from covector.checker.functions_signature import Context, Signature, gradients_in
from covector.checker.functions_truth import Forward

Array = NDArray[Any]
Native = Mapping[str, Any]
Plain = Mapping[str, Array]
Sizes = Mapping[str, int]


class Claim(Protocol):
    """Something that gives gradients."""

    @property
    def framework(self) -> Framework:
        """The library whose arrays it takes."""
        ...

    @property
    def none_is_zero(self) -> bool:
        """Whether None stands for a gradient that is zero."""
        ...

    @property
    def reading(self) -> str:
        """How it was understood, where that was a choice."""
        ...

    def gradients(self, arrays: Native, cotangents: Sequence[Any], plain: Plain, sizes: Sizes) -> dict[str, Any]:
        """The gradient of every wanted input, as it was returned."""
        ...

    def values(self, arrays: Mapping[str, Any]) -> list[Any] | None:
        """The outputs of its own forward, or None where it has none."""
        ...


@dataclass
class ForwardCall:
    """A forward that is a function of arrays: ``f(x, …)``, ``f(ctx, x, …)``, or one that returns (y, cache)."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    gives_cache: bool = False

    def __call__(self, arrays: Mapping[str, Any]) -> tuple[list[Any], Any]:
        """The outputs, and what was kept for the backward."""
        given = [arrays[name] for name in self.names]
        if takes_context(self.function):
            context = Context()
            return as_list(self.function(context, *given)), context
        result = self.function(*given)
        if self.gives_cache and isinstance(result, tuple) and len(result) >= 2:
            kept = result[1] if len(result) == 2 else result[1:]
            return [result[0]], kept
        return as_list(result), None


def takes_context(function: Callable[..., Any]) -> bool:
    """Whether the first parameter is called ctx."""
    try:
        parameters = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return False
    return bool(parameters) and parameters[0] in ("ctx", "context")


@dataclass
class HandWritten:
    """A backward that somebody wrote."""

    function: Callable[..., Any]
    signature: Signature
    framework: Framework
    names: tuple[str, ...]
    floats: tuple[str, ...]
    wanted: tuple[str, ...]
    forward: ForwardCall | None
    truth: Forward
    none_is_zero: bool = False

    @property
    def reading(self) -> str:
        """How it is called, where that was a choice."""
        return self.signature.reading

    def gradients(self, arrays: Native, cotangents: Sequence[Any], plain: Plain, sizes: Sizes) -> dict[str, Any]:
        """What it returns, by input."""
        outputs: list[Any] = []
        cache: Any = None
        if {"output", "cache"} & set(self.signature.roles):
            if self.forward is not None:
                outputs, cache = self.forward(arrays)
            else:
                outputs = [self.framework.native(value) for value in self.truth.outputs(plain, sizes)]
        result = self.signature.call(self.function, arrays, cotangents, outputs, cache)
        return gradients_in(result, self.names, self.floats, self.wanted)

    def values(self, arrays: Mapping[str, Any]) -> list[Any] | None:
        """The outputs of the forward, where that is a function too."""
        return None if self.forward is None else self.forward(arrays)[0]


@dataclass
class Own:
    """The backward that PyTorch or JAX runs for a forward, custom rules included."""

    own: OwnGradients
    wanted: tuple[str, ...]
    none_is_zero: bool = True
    reading: str = ""

    @property
    def framework(self) -> Framework:
        """The library."""
        return self.own.framework

    def gradients(self, arrays: Native, cotangents: Sequence[Any], plain: Plain, sizes: Sizes) -> dict[str, Any]:
        """What the library computes."""
        found = self.own.run(arrays, cotangents).gradients
        return {name: found.get(name) for name in self.wanted}

    def values(self, arrays: Mapping[str, Any]) -> list[Any] | None:
        """The outputs of the forward."""
        return self.own.values(arrays)


@dataclass
class Twice:
    """The backward of the backward: the gradients of what PyTorch or JAX computes, by the inputs and the cotangents."""

    own: OwnGradients
    wanted: tuple[str, ...]
    inner: tuple[str, ...]
    cotangents: tuple[str, ...]
    none_is_zero: bool = True
    reading: str = "of second order: the gradient of Σ v·(first gradient)"

    @property
    def framework(self) -> Framework:
        """The library."""
        return self.own.framework

    def first(self, arrays: Mapping[str, Any], create_graph: bool = False) -> list[Any]:
        """The first gradients; those that do not depend on anything are left to be zero."""
        found = self.own.run(arrays, [arrays[name] for name in self.cotangents], create_graph).gradients
        return [found[name] if found[name] is not None else 0 * arrays[name] for name in self.inner]

    def gradients(self, arrays: Native, cotangents: Sequence[Any], plain: Plain, sizes: Sizes) -> dict[str, Any]:
        """The second gradients along the cotangents."""
        outer = (*self.own.names, *self.cotangents)
        floats = (*self.own.floats, *self.cotangents)

        def first(*values: Any) -> tuple[Any, ...]:
            return tuple(self.first(dict(zip(outer, values, strict=True)), create_graph=True))

        found = OwnGradients(first, self.framework, outer, floats).run(arrays, cotangents).gradients
        return {name: found[name] for name in self.wanted}

    def values(self, arrays: Mapping[str, Any]) -> list[Any] | None:
        """The first gradients."""
        return self.first(arrays)


def plain_run(claim_framework: Framework, call: Callable[[Mapping[str, Any]], list[Any]]) -> Callable[..., list[Array]]:
    """A forward of a library as a function of float64 arrays of NumPy."""
    fast = claim_framework.compiled(call)

    def run(arrays: Mapping[str, Array]) -> list[Array]:
        native = {
            name: value if np.iscomplexobj(value) else claim_framework.native(value.copy())
            for name, value in arrays.items()
        }
        outputs = [claim_framework.plain(value) for value in fast(native)]
        return [np.asarray(o, dtype=np.complex128 if o.dtype.kind == "c" else np.float64) for o in outputs]

    return run

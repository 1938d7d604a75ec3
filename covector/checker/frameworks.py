"""Arrays of NumPy, PyTorch, JAX and covector: there and back, and the gradients that libraries compute themselves.

PyTorch and JAX are imported when something of theirs is checked, and never otherwise.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.checker.probes import LAYOUTS, arranged
from covector.errors import CovectorError
from covector.tensors.backward import grad
from covector.tensors.creation import tensor
from covector.tensors.tensor import Tensor

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Run = Callable[[Mapping[str, Any]], Any]


class Framework:
    """The arrays of one library; this one is NumPy."""

    name = "numpy"
    layouts: tuple[str, ...] = LAYOUTS
    has_own_gradients = False

    def native(self, array: Array, layout: str = "contiguous") -> Any:
        """An array as the library has it."""
        return arranged(array, layout)

    def plain(self, value: Any) -> Array:
        """An array of the library as one of NumPy; raises `TypeError` for what is no array of numbers."""
        if value is None or isinstance(value, (str, bytes, dict, set)):
            raise TypeError(f"a {type(value).__name__} is no array")
        array = np.asarray(value)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"a {type(value).__name__} is no array of numbers")
        return array

    def precision(self) -> AbstractContextManager[Any]:
        """What computing many small arrays, in double precision, needs."""
        return nullcontext()

    def compiled(self, call: Run) -> Run:
        """The same function, ready to be called often."""
        return call


class Torch(Framework):
    """PyTorch tensors on the CPU."""

    name = "torch"
    layouts = ("contiguous", "transposed", "strided")
    has_own_gradients = True

    def native(self, array: Array, layout: str = "contiguous") -> Any:
        import torch

        held = arranged(array, layout)
        return torch.from_numpy(held if held.flags.writeable else held.copy())

    def plain(self, value: Any) -> Array:
        return super().plain(value.detach().cpu().resolve_conj().numpy() if hasattr(value, "detach") else value)

    @contextmanager
    def precision(self) -> Iterator[None]:
        """One thread: small arrays are computed many times, and threads that wait for each other cost more."""
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)


class Jax(Framework):
    """JAX arrays, in double precision where that is asked for."""

    name = "jax"
    layouts = ("contiguous",)
    has_own_gradients = True

    def native(self, array: Array, layout: str = "contiguous") -> Any:
        import jax

        return jax.numpy.asarray(array)

    def precision(self) -> AbstractContextManager[Any]:
        import jax

        context: AbstractContextManager[Any] = jax.enable_x64(True)
        return context

    def compiled(self, call: Run) -> Run:
        import jax

        fast: Run = jax.jit(call)

        def run(arrays: Mapping[str, Any]) -> Any:
            try:
                return fast(arrays)
            except (jax.errors.JAXTypeError, TypeError):  # what cannot be traced is called as it is
                return call(arrays)

        return run


class Tensors(Framework):
    """Tensors of covector."""

    name = "covector"
    layouts = ("contiguous",)
    has_own_gradients = True

    def native(self, array: Array, layout: str = "contiguous") -> Any:
        return tensor(arranged(array, layout))

    def plain(self, value: Any) -> Array:
        return super().plain(value.numpy() if isinstance(value, Tensor) else value)


NUMPY, TORCH, JAX, TENSORS = Framework(), Torch(), Jax(), Tensors()
FRAMEWORKS: Mapping[str, Framework] = {"numpy": NUMPY, "torch": TORCH, "jax": JAX, "covector": TENSORS}
ROOTS: Mapping[str, Framework] = {"torch": TORCH, "jax": JAX, "jaxlib": JAX}
"""The libraries by the first part of the names of their modules."""


def framework_of(*things: Any) -> Framework:
    """The library that functions, classes, modules or arrays are of, from their types and from the names they use."""
    for thing in things:
        if thing is not None and (found := _framework(thing)) is not None:
            return found
    return NUMPY


def _framework(thing: Any) -> Framework | None:
    kinds = thing.__mro__ if isinstance(thing, type) else type(thing).__mro__
    for kind in kinds:
        if (found := _of_module(kind.__module__)) is not None:
            return found
    function = getattr(thing, "__wrapped__", thing)
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        return None
    held = [cell.cell_contents for cell in function.__closure__ or () if _is_filled(cell)]
    inner = (_framework(value) for value in (*(function.__defaults__ or ()), *held) if value is not thing)
    return _used(code, function.__globals__) or next((found for found in inner if found is not None), None)


def _of_module(name: str) -> Framework | None:
    """The library that a module belongs to; of covector, what is about tensors."""
    if name == "covector" or name.startswith(("covector.tensors", "covector.nn")):
        return TENSORS
    return ROOTS.get(name.partition(".")[0])


def _is_filled(cell: Any) -> bool:
    """Whether a variable of a closure has a value."""
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _used(code: CodeType, names: Mapping[str, Any]) -> Framework | None:
    """The library whose modules or functions the code of a function speaks of."""
    for name in code.co_names:
        value = names.get(name)
        module = (
            getattr(value, "__name__", "") if isinstance(value, type(sys)) else getattr(value, "__module__", "") or ""
        )
        if (found := _of_module(str(module))) is not None:
            return found
    for constant in code.co_consts:
        if isinstance(constant, CodeType) and (found := _used(constant, names)) is not None:
            return found
    return None


def is_torch_function(thing: Any) -> bool:
    """Whether something is a subclass of ``torch.autograd.Function``."""
    return isinstance(thing, type) and any(
        kind.__name__ == "Function" and kind.__module__.startswith("torch.autograd") for kind in thing.__mro__
    )


def is_torch_module(thing: Any) -> bool:
    """Whether something is a ``torch.nn.Module``."""
    return not isinstance(thing, type) and any(
        kind.__name__ == "Module" and kind.__module__.startswith("torch.nn") for kind in type(thing).__mro__
    )


def module_parameters(module: Any) -> dict[str, Array]:
    """The parameters of a PyTorch module that want gradients, as arrays by name."""
    return {
        name: value.detach().cpu().double().numpy() for name, value in module.named_parameters() if value.requires_grad
    }


@dataclass
class Returned:
    """What a function gave back: its outputs, and (where they were asked for) one gradient for every float input."""

    outputs: list[Any]
    gradients: dict[str, Any] = field(default_factory=dict)


@dataclass
class OwnGradients:
    """A function of named arrays whose own backward is looked at: of PyTorch, JAX or covector.

    ``of`` is what the user gave, ``names`` its inputs in order, ``floats`` those that have gradients.
    """

    of: Any
    framework: Framework
    names: tuple[str, ...]
    floats: tuple[str, ...]
    _modules: dict[Any, Any] = field(default_factory=dict, repr=False)

    def values(self, arrays: Mapping[str, Any]) -> list[Any]:
        """The outputs."""
        return as_list(self.function(arrays)(*(arrays[name] for name in self.names)))

    def function(self, arrays: Mapping[str, Any]) -> Callable[..., Any]:
        """What is called with the inputs in order."""
        if is_torch_function(self.of):
            apply: Callable[..., Any] = self.of.apply
            return apply
        return self._module_call(arrays) if is_torch_module(self.of) else self.of

    def _module_call(self, arrays: Mapping[str, Any]) -> Callable[..., Any]:
        import torch

        double = any(arrays[name].dtype == torch.float64 for name in self.floats)
        dtype = torch.float64 if double else torch.float32
        if dtype not in self._modules:
            self._modules[dtype] = copy.deepcopy(self.of).to(dtype)
        module = self._modules[dtype]
        own = [name for name, _ in module.named_parameters()]

        def call(*values: Any) -> Any:
            given = dict(zip(self.names, values, strict=True))
            weights = {name: given.pop(name) for name in own if name in given}
            return torch.func.functional_call(module, weights, tuple(given.values()))

        return call

    def run(self, arrays: Mapping[str, Any], cotangents: Sequence[Any], create_graph: bool = False) -> Returned:
        """The outputs, and the gradients that the library computes for the cotangents."""
        if self.framework is JAX:
            return self._jax(arrays, cotangents)
        if self.framework is TENSORS:
            return self._tensors(arrays, cotangents, create_graph)
        return self._torch(arrays, cotangents, create_graph)

    def _jax(self, arrays: Mapping[str, Any], cotangents: Sequence[Any]) -> Returned:
        outputs, gradients = self._pulled({"arrays": dict(arrays), "cotangents": list(cotangents)})
        return Returned(outputs, gradients)

    def _pulled(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """The outputs and the gradients in JAX, compiled once for each shape."""
        if "jax" not in self._modules:
            self._modules["jax"] = JAX.compiled(self._pull)
        found: tuple[list[Any], dict[str, Any]] = self._modules["jax"](given)
        return found

    def _pull(self, given: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        import jax

        arrays, cotangents = given["arrays"], given["cotangents"]

        def of_floats(*floats: Any) -> Any:
            moved = {**arrays, **dict(zip(self.floats, floats, strict=True))}
            return self.of(*(moved[name] for name in self.names))

        out, pull = jax.vjp(of_floats, *(arrays[name] for name in self.floats))
        seed = type(out)(cotangents) if isinstance(out, (tuple, list)) else cotangents[0]
        return as_list(out), dict(zip(self.floats, pull(seed), strict=True))

    def _tensors(self, arrays: Mapping[str, Any], cotangents: Sequence[Any], create_graph: bool) -> Returned:
        """The outputs and the gradients that covector computes for its own tensors."""
        leaves = {name: arrays[name] if create_graph else arrays[name].detach() for name in self.names}
        for name in self.floats:
            leaves[name].requires_grad_()
        outputs = as_list(self.of(*(leaves[name] for name in self.names)))
        pairs = [(o, g) for o, g in zip(outputs, cotangents, strict=True) if o.requires_grad]
        if not pairs:
            return Returned(outputs, dict.fromkeys(self.floats))
        heads, seeds = [o for o, _ in pairs], [g for _, g in pairs]
        found = grad(heads, [leaves[name] for name in self.floats], seeds, create_graph, allow_unused=True)
        return Returned(outputs, dict(zip(self.floats, found, strict=True)))

    def _torch(self, arrays: Mapping[str, Any], cotangents: Sequence[Any], create_graph: bool) -> Returned:
        import torch

        leaves = {name: arrays[name].detach() if not create_graph else arrays[name] for name in self.names}
        leaves |= {name: leaf.requires_grad_() for name, leaf in leaves.items() if name in self.floats}
        # A view of a leaf, as the backward of an in-place operation on a leaf is refused.
        given = [leaves[name].view_as(leaves[name]) if name in self.floats else leaves[name] for name in self.names]
        raw: list[Any] = []
        function = _recording(self.of, raw).apply if is_torch_function(self.of) else self.function(leaves)
        outputs = as_list(function(*given))
        pairs = [(o, g) for o, g in zip(outputs, cotangents, strict=True) if o.requires_grad]
        if not pairs:
            return Returned(outputs, dict.fromkeys(self.floats))
        wanted = [leaves[name] for name in self.floats]
        heads, seeds = [o for o, _ in pairs], [g for _, g in pairs]
        found = torch.autograd.grad(heads, wanted, seeds, create_graph=create_graph, allow_unused=True)
        if raw and not create_graph:
            # What the backward itself returned: autograd silently sums what broadcasts.
            return Returned(outputs, {name: as_list(raw[-1])[self.names.index(name)] for name in self.floats})
        return Returned(outputs, dict(zip(self.floats, found, strict=True)))


def _recording(function: Any, raw: list[Any]) -> Any:
    """The same ``autograd.Function``, which notes what its backward returns."""

    def backward(ctx: Any, *grads: Any) -> Any:
        found = function.backward(ctx, *grads)
        raw.append(found)
        return found

    return type(function.__name__, (function,), {"backward": staticmethod(backward)})


def as_list(value: Any) -> list[Any]:
    """Several results as a list; one result alone in it."""
    return list(value) if isinstance(value, (tuple, list)) else [value]


def needs(framework: Framework) -> None:
    """Raises `CovectorError` where the library is not installed."""
    try:
        framework.native(np.zeros(1))
    except ImportError as error:
        raise CovectorError(f"{framework.name} is needed to check this, and it cannot be imported: {error}") from None

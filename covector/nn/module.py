"""`Module`: what a layer and a model are, with PyTorch's names.

A module has no registers beside its attributes: its parameters, buffers and submodules *are* the attributes that hold
a `Parameter`, a tensor declared by `register_buffer`, or a `Module`, in the order in which they were set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self, TypeVar

from covector.errors import CovectorError, nearest
from covector.nn import state
from covector.nn.parameter import Parameter
from covector.tensors.backward import no_grad
from covector.tensors.functions import astype
from covector.tensors.node import STATE
from covector.tensors.tensor import Tensor
from covector.tensors.trace import watch
from covector.tensors.update import set_data


class Module:
    """The base of layers and models: a subclass sets parameters and modules as attributes, and defines ``forward``.

    >>> from covector import nn
    >>> class Net(nn.Module):
    ...     def __init__(self):
    ...         self.hidden = nn.Linear(4, 8)
    ...         self.out = nn.Linear(8, 2)
    ...     def forward(self, x):
    ...         return self.out(nn.functional.relu(self.hidden(x)))
    >>> [name for name, parameter in Net().named_parameters()]
    ['hidden.weight', 'hidden.bias', 'out.weight', 'out.bias']
    """

    training: bool = True
    _buffers: Mapping[str, bool] = {}  # the names of buffers; whether the state dict has them

    def forward(self, *inputs: Any, **keywords: Any) -> Any:
        """What the module computes; a subclass defines it."""
        name = type(self).__name__
        raise CovectorError(f"{name} has no forward", hint=f"define {name}.forward(self, x)")

    def __call__(self, *inputs: Any, **keywords: Any) -> Any:
        """The same as ``forward``."""
        if STATE.here.trace is not None:
            watch(self, "training")
        return self.forward(*inputs, **keywords)

    def __setattr__(self, name: str, value: Any) -> None:
        held = self.__dict__.get(name)
        if isinstance(held, Parameter) and isinstance(value, Tensor) and not isinstance(value, Parameter):
            message = f"{type(self).__name__}.{name} is a parameter, and a plain tensor is assigned to it"
            hint = f"wrap it, nn.Parameter(…), or give the parameter new values: module.{name}.data = …"
            raise TypeError(f"{message}\n  hint: {hint}")
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Set an attribute that is part of the state but not learned; `state_dict` has it where it is persistent."""
        _check_name(self, name)
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, tensor)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Set a parameter, or None where the module goes without it."""
        _check_name(self, name)
        setattr(self, name, parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Set a submodule under a name that need not be an identifier."""
        _check_name(self, name)
        setattr(self, name, module)

    # What it holds.

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The submodules that are attributes of this one, each once, by name."""
        seen: set[int] = set()
        for name, value in self.__dict__.items():
            if isinstance(value, Module) and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    def children(self) -> Iterator[Module]:
        """The submodules that are attributes of this one, each once."""
        return (module for _, module in self.named_children())

    def named_modules(self, prefix: str = "", _seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
        """This module, whose name is empty, and all below it, each once, by dotted name."""
        seen = set() if _seen is None else _seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                yield from value.named_modules(_join(prefix, name), seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """The parameters by dotted name, each once, those of submodules with them where ``recurse``."""
        return _once(self, prefix, recurse, lambda module: module._own(Parameter))

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once, those of submodules with them where ``recurse``."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """The buffers by dotted name, each once, those of submodules with them where ``recurse``."""
        return _once(self, prefix, recurse, lambda module: module._own_buffers())

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, each once, those of submodules with them where ``recurse``."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The submodule of a dotted name; raises `CovectorError` where there is none."""
        known = dict(self.named_modules())
        if target not in known:
            close = nearest(target, known)
            hint = f"did you mean {close!r}?" if close else f"it has: {', '.join(name for name in known if name)}"
            raise CovectorError(f"{type(self).__name__} has no submodule {target!r}", hint=hint)
        return known[target]

    def _own(self, kind: type[Parameter]) -> Iterator[tuple[str, Parameter]]:
        return ((name, value) for name, value in self.__dict__.items() if isinstance(value, kind))

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        held = ((name, self.__dict__.get(name)) for name in self._buffers)
        return ((name, value) for name, value in held if value is not None)

    # What is done to all of it.

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call a function on every module below this one, then on this one: for an initialisation of one's own."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def train(self, mode: bool = True) -> Self:
        """Have dropout and batch normalisation behave as in training."""
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Have dropout and batch normalisation behave as in use: the same as ``train(False)``."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Say for every parameter whether it wants a gradient."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of every parameter, or set them to zeros."""
        for parameter in self.parameters():
            if parameter.grad is not None:
                parameter.grad = None if set_to_none else parameter.grad.detach() * 0

    def to(self, dtype: Any) -> Self:
        """Convert every parameter and buffer of floats to a dtype."""
        with no_grad():
            for tensor in (*self.parameters(), *self.buffers()):
                if tensor.dtype in ("float32", "float64"):
                    set_data(tensor, astype(tensor.detach(), dtype))
                    tensor.grad = None if tensor.grad is None else astype(tensor.grad, dtype)
        return self

    def float(self) -> Self:
        """Convert every parameter and buffer of floats to float32."""
        return self.to("float32")

    def double(self) -> Self:
        """Convert every parameter and buffer of floats to float64."""
        return self.to("float64")

    def state_dict(self, prefix: str = "") -> dict[str, Tensor]:
        """The parameters and persistent buffers by dotted name, as they are now.

        Later training does not change them.

        >>> from covector import nn
        >>> {name: tensor.shape for name, tensor in nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {name: tensor.detach() for name, tensor in self._entries(prefix)}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> state.IncompatibleKeys:
        """Set parameters and buffers to the values of a state dict: tensors or arrays, converted to the dtypes here.

        Raises `StateError`, which names every missing and unexpected key and every shape that differs, and then
        changes nothing; without ``strict``, keys may be missing or unexpected and are returned.
        """
        return state.load(type(self).__name__, dict(self._entries()), state_dict, strict)

    def _entries(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """What `state_dict` holds; a tensor that is shared comes under each of its names."""
        for name, value in self.__dict__.items():
            if isinstance(value, Parameter) or (isinstance(value, Tensor) and self._buffers.get(name)):
                yield prefix + name, value
        for name, value in self.__dict__.items():
            if isinstance(value, Module):
                yield from value._entries(f"{prefix}{name}.")

    # How it is shown.

    def extra_repr(self) -> str:
        """What stands in the parentheses of the module's ``repr``; a subclass may define it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        modules = [(name, value) for name, value in self.__dict__.items() if isinstance(value, Module)]
        lines = [f"({name}): {_indented(repr(value))}" for name, value in modules]
        if not lines:
            return f"{type(self).__name__}({extra})"
        return "\n  ".join([f"{type(self).__name__}(", *([extra] if extra else []), *lines]) + "\n)"


def _check_name(module: Module, name: str) -> None:
    """Raise where a name cannot be one of an attribute that the state names."""
    problem = "empty" if not name else "dotted" if "." in name else None
    if problem:
        raise CovectorError(f"the name {name!r} of an attribute of {type(module).__name__} is {problem}")
    if hasattr(type(module), name):
        raise CovectorError(f"{type(module).__name__} already has an attribute {name!r}", hint="take another name")


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


_Held = TypeVar("_Held", bound=Tensor)


def _once(
    module: Module, prefix: str, recurse: bool, own: Callable[[Module], Iterator[tuple[str, _Held]]]
) -> Iterator[tuple[str, _Held]]:
    """What the modules own, each tensor once, by dotted name."""
    seen: set[int] = set()
    for path, holder in module.named_modules(prefix) if recurse else [(prefix, module)]:
        for name, tensor in own(holder):
            if id(tensor) not in seen:
                seen.add(id(tensor))
                yield _join(path, name), tensor


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")

"""`Optimizer`: groups of parameters with their settings, the state of each parameter, and the step that all share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, ClassVar

from covector.errors import CovectorError, StateError
from covector.optim.rule import Rule
from covector.optim.settings import Setting
from covector.optim.updates import Updates
from covector.tensors.backward import enable_grad, no_grad
from covector.tensors.flush import flush
from covector.tensors.tensor import Tensor

Group = dict[str, Any]
State = dict[str, Tensor]


class Optimizer:
    """The base of optimisers: a subclass says what the state of a parameter is at first, and by which rule both change.

    ``params`` are parameters, or groups: dictionaries with ``params`` and settings of their own. ``defaults`` are the
    settings by name. The state is there from the beginning, so that `jit` sees one structure; settings such as the
    learning rate are looked up when a step is computed, so that a schedule never compiles anything anew.
    """

    def __init__(self, params: Iterable[Tensor] | Iterable[Group], defaults: Mapping[str, Any]) -> None:
        self.defaults = dict(defaults)
        self.param_groups: list[Group] = []
        self.state: dict[Tensor, State] = {}
        given: list[Any] = [params] if isinstance(params, (Tensor, Mapping)) else list(params)
        if not given:
            message = f"{type(self).__name__} is given no parameters"
            raise CovectorError(message, hint="an iterator such as model.parameters() is used up after one pass")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(group)

    rule: ClassVar[Rule]
    """How a parameter and its state are updated; a subclass has it."""

    def start(self, parameter: Tensor, group: Group) -> State:
        """The state of a parameter before the first step, by PyTorch's names."""
        raise NotImplementedError

    def numbers(self, group: Group) -> Mapping[str, Setting]:
        """The numbers that the rule takes for a group, in the dtype of the parameter."""
        raise NotImplementedError

    def exact_numbers(self, group: Group) -> Mapping[str, Setting]:
        """The numbers that the rule takes in float64, whatever the parameter is: those that depend on the step."""
        return {}

    def flags(self, group: Group) -> Mapping[str, bool]:
        """The parameters of the rule's formula for a group."""
        return {}

    def add_param_group(self, group: Group) -> None:
        """Have a group of parameters updated too, with the default settings where it has none of its own.

        Raises `CovectorError` where something in it is no parameter, or is updated already.
        """
        parameters = group["params"]
        whole = {
            **self.defaults,
            **group,
            "params": [parameters] if isinstance(parameters, Tensor) else list(parameters),
        }
        known = {id(parameter) for parameter in self.state}
        for parameter in whole["params"]:
            _check_parameter(type(self).__name__, parameter, known)
            known.add(id(parameter))
        self.param_groups.append(whole)
        with no_grad():
            for parameter in whole["params"]:
                self.state[parameter] = self.start(parameter, whole)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of every parameter, or set them to zeros."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad = None if set_to_none else parameter.grad.detach() * 0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient, and compute all that is pending, as one program.

        ``closure`` is called first, with gradients enabled, and its result returned: the loss.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            flags = {**self.flags(group), "maximize": bool(group.get("maximize"))}
            self._updates(group, self.state, self.numbers(group), self.exact_numbers(group), flags)
        flush()
        return loss

    @cached_property
    def _updates(self) -> Updates:
        """What notes the updates of a group."""
        return Updates(self.rule)

    def state_dict(self) -> dict[str, Any]:
        """The state of each parameter by its number, and the settings of each group, in PyTorch's layout."""
        numbers = {id(parameter): number for number, parameter in enumerate(self._parameters())}
        groups = [
            {**group, "params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        state = {
            numbers[id(parameter)]: {name: tensor.detach() for name, tensor in held.items()}
            for parameter, held in self.state.items()
            if held
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from where a state was taken; raises `StateError`, and changes nothing, where it does not fit."""
        groups = state_dict["param_groups"]
        sizes, wanted = [[len(group["params"]) for group in g] for g in (groups, self.param_groups)]
        if sizes != wanted:
            message = f"the state is of groups of {sizes} parameters, and {type(self).__name__} has groups of {wanted}"
            raise StateError(message)
        pairs = self._entries(groups, state_dict["state"])
        with no_grad():
            for tensor, value in pairs:
                tensor.copy_(value)
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update({name: _setting(group, name, value) for name, value in saved.items() if name != "params"})

    def _entries(self, groups: list[Group], state: Mapping[Any, Any]) -> list[tuple[Tensor, Any]]:
        """The tensors of the state with the values that are saved for them."""
        numbers = [number for group in groups for number in group["params"]]
        pairs = []
        for number, parameter in zip(numbers, self._parameters(), strict=True):
            saved = state.get(number, state.get(str(number), {}))
            for name, tensor in self.state[parameter].items():
                value = saved.get(name)
                if value is None:
                    continue
                if tuple(value.shape) != tuple(tensor.shape):
                    message = (
                        f"{name} of parameter {number} has the shape {tuple(value.shape)}, not {tuple(tensor.shape)}"
                    )
                    raise StateError(message)
                pairs.append((tensor, value))
        return pairs

    def _parameters(self) -> list[Tensor]:
        return [parameter for group in self.param_groups for parameter in group["params"]]

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _check_parameter(kind: str, parameter: object, known: set[int]) -> None:
    if not isinstance(parameter, Tensor):
        message = f"{kind} updates tensors, and {type(parameter).__name__} {parameter!r} is none"
        raise CovectorError(message, hint="give it model.parameters()")
    if not parameter.is_leaf:
        message = f"{kind} cannot update a tensor that was computed, of shape {tuple(parameter.shape)}"
        raise CovectorError(message, hint="give it the tensors from which it is computed")
    if id(parameter) in known:
        raise CovectorError(f"a parameter of shape {tuple(parameter.shape)} is given to {kind} twice")


def _setting(group: Group, name: str, value: Any) -> Any:
    """A saved setting, as the type that the group has: pairs come back from a file as lists."""
    return tuple(value) if isinstance(group.get(name), tuple) else value


def check_not_negative(kind: str, **settings: float) -> None:
    """Raise `CovectorError` where a setting is negative or NaN."""
    for name, value in settings.items():
        if not value >= 0:
            raise CovectorError(f"{kind}: {name} is {value}, and must not be negative")

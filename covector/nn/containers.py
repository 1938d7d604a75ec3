"""Modules that hold modules: one after the other, in a list, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, overload

from covector.errors import CovectorError
from covector.nn.module import Module


class _Numbered(Module):
    """Modules in an order; their names are their numbers."""

    def _modules_held(self) -> list[Module]:
        return [value for value in self.__dict__.values() if isinstance(value, Module)]

    def __len__(self) -> int:
        return len(self._modules_held())

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules_held())

    def append(self, module: Module) -> _Numbered:
        """Put a module behind the others."""
        setattr(self, str(len(self)), _module(type(self).__name__, module))
        return self

    def extend(self, modules: Iterable[Module]) -> _Numbered:
        """Put modules behind the others."""
        for module in modules:
            self.append(module)
        return self

    @overload
    def __getitem__(self, place: int) -> Module: ...
    @overload
    def __getitem__(self, place: slice) -> _Numbered: ...
    def __getitem__(self, place: int | slice) -> Module:
        held = self._modules_held()
        if isinstance(place, slice):
            return type(self)._of(held[place])
        _check_place(type(self).__name__, place, len(held))
        return held[place]

    def __setitem__(self, place: int, module: Module) -> None:
        _check_place(type(self).__name__, place, len(self))
        names = [name for name, value in self.__dict__.items() if isinstance(value, Module)]
        setattr(self, names[place], _module(type(self).__name__, module))

    @classmethod
    def _of(cls, modules: list[Module]) -> _Numbered:
        return cls().extend(modules)


class Sequential(_Numbered):
    """Modules of which each is given what the one before it returns.

    They are given one by one, or as a dictionary from names to modules.

    >>> from covector import nn
    >>> nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
      (2): Linear(in_features=8, out_features=2, bias=True)
    )
    """

    def __init__(self, *modules: Module | Mapping[str, Module]) -> None:
        for place, entry in enumerate(modules):
            if isinstance(entry, Mapping):
                for name, module in entry.items():
                    self.add_module(name, _module("Sequential", module))
            else:
                setattr(self, str(place), _module("Sequential", entry))

    def forward(self, input: Any) -> Any:
        """What the last module returns."""
        for value in self.__dict__.values():
            if isinstance(value, Module):
                input = value(input)
        return input


class ModuleList(_Numbered):
    """Modules in a list, which the module that holds the list calls as it wants.

    >>> from covector import nn
    >>> [name for name, parameter in nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 1)]).named_parameters()]
    ['0.weight', '0.bias', '1.weight', '1.bias']
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)


class ModuleDict(Module):
    """Modules by name, which the module that holds the dictionary calls as it wants.

    >>> from covector import nn
    >>> nn.ModuleDict({"encoder": nn.Linear(2, 1)})["encoder"]
    Linear(in_features=2, out_features=1, bias=True)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module]) -> None:
        """Set several modules."""
        for name, module in modules.items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(self.__dict__.get(name), Module):
            self.add_module(name, _module("ModuleDict", module))
        else:
            setattr(self, name, _module("ModuleDict", module))

    def __getitem__(self, name: str) -> Module:
        if name not in self:
            known = ", ".join(self.keys()) or "none"
            raise CovectorError(f"ModuleDict has no module {name!r}", hint=f"it has: {known}")
        module: Module = self.__dict__[name]
        return module

    def __contains__(self, name: str) -> bool:
        return isinstance(self.__dict__.get(name), Module)

    def __len__(self) -> int:
        return len(self.keys())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> list[str]:
        """The names."""
        return [name for name, value in self.__dict__.items() if isinstance(value, Module)]

    def values(self) -> list[Module]:
        """The modules."""
        return [value for value in self.__dict__.values() if isinstance(value, Module)]

    def items(self) -> list[tuple[str, Module]]:
        """The names with their modules."""
        return list(zip(self.keys(), self.values(), strict=True))


def _module(container: str, value: object) -> Module:
    """The value, which must be a module."""
    if isinstance(value, Module):
        return value
    hint = "a function has a module too: nn.ReLU() for nn.functional.relu" if callable(value) else None
    if isinstance(value, type):
        hint = f"make an object of it: {value.__name__}()"
    raise CovectorError(f"{container} holds modules, and {type(value).__name__} {value!r} is none", hint=hint)


def _check_place(container: str, place: int, count: int) -> None:
    if not -count <= place < count:
        raise IndexError(f"{container} has {count} modules, and number {place} is asked for")

"""The operators of Python on tensors, from a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from covector.tensors.tensor import Operand, Tensor, as_tensor, binary, mirrored, unary

_BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "xor": "ne",
    "matmul": "matmul",
    "and": "logical_and",
    "or": "logical_or",
}
IN_PLACE = (*_BINARY, "pow")
"""Operators of which there is one that updates its first operand, such as ``+=``."""
_COMPARISONS = ("eq", "ne", "lt", "le")
_MIRRORED = {"gt": "lt", "ge": "le"}


def _forward(name: str) -> Callable[[Tensor, Operand], Any]:
    return lambda self, other: binary(name, self, other)


def _backward(name: str) -> Callable[[Tensor, Operand], Any]:
    return lambda self, other: mirrored(name, self, other)


def power(x: Tensor, exponent: Operand) -> Tensor:
    """x to a power; an exponent that is a number is part of the program."""
    if isinstance(exponent, (int, float)) and not isinstance(exponent, bool):
        return unary("power", x, (("exponent", exponent),))
    result: Tensor = binary("pow", x, exponent)
    return result


_OTHERS: dict[str, Callable[..., Any]] = {
    "__pow__": power,
    "__rpow__": lambda self, other: power(as_tensor(other, self), self),
    "__neg__": lambda self: unary("neg", self),
    "__pos__": lambda self: self,
    "__abs__": lambda self: unary("abs", self),
    "__invert__": lambda self: unary("logical_not", self),
}


def _attach() -> None:
    """Give `Tensor` its operators."""
    methods = dict(_OTHERS)
    for dunder, name in _BINARY.items():
        methods[f"__{dunder}__"] = _forward(name)
        methods[f"__r{dunder}__"] = _backward(name)
    methods |= {f"__{name}__": _forward(name) for name in _COMPARISONS}
    methods |= {f"__{dunder}__": _backward(name) for dunder, name in _MIRRORED.items()}
    for dunder, method in methods.items():
        setattr(Tensor, dunder, method)


_attach()

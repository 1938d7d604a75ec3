"""Tensors and programs: inputs, what is computed from them by element form, and what is opaque."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from covector.ir.affine import Affine, Index
from covector.ir.element import Expr, Read, dtype
from covector.ir.node import Node, cached
from covector.ir.walk import walk


@dataclass(frozen=True, eq=False, slots=True)
class Input(Node):
    """A tensor that is given."""

    name: str
    shape: tuple[Affine, ...]
    dtype: str

    def order_key(self) -> tuple[Any, ...]:
        """The sort key."""
        return (60, self.name, ())

    def __repr__(self) -> str:
        return f"{self.name}: {' '.join(map(repr, self.shape)) or '()'} {self.dtype}"


@dataclass(frozen=True, eq=False, slots=True)
class Compute(Node):
    """``name[indices] = body``, for all values of the indices.

    A derived statement says in ``cast`` which dtype it has, that of the tensor whose gradient it is.
    """

    name: str
    indices: tuple[Index, ...]
    body: Expr
    cast: str = ""

    @property
    def shape(self) -> tuple[Affine, ...]:
        """The extents of its indices."""
        return tuple(index.extent for index in self.indices)

    @property
    def dtype(self) -> str:
        """The dtype of its body, or what that is cast to."""
        return self.cast or dtype(self.body)

    @property
    def is_derived(self) -> bool:
        """Whether the calculus made this statement."""
        return bool(self.cast)

    def order_key(self) -> tuple[Any, ...]:
        """The sort key."""
        return (61, self.name, ())

    def __repr__(self) -> str:
        left = f"{self.name}[{', '.join(map(repr, self.indices))}]" if self.indices else self.name
        return f"{left} = {self.body!r}"


@dataclass(frozen=True, eq=False, slots=True)
class Opaque(Node):
    """The result of a function that has no element form, such as a sort; ``function`` names it."""

    name: str
    function: str
    tensors: tuple[Tensor, ...]
    shape: tuple[Affine, ...]
    dtype: str

    def order_key(self) -> tuple[Any, ...]:
        """The sort key."""
        return (62, self.name, ())

    def __repr__(self) -> str:
        return f"{self.name} = {self.function}({', '.join(tensor.name for tensor in self.tensors)})"


Tensor = Input | Compute | Opaque


@dataclass(frozen=True, slots=True)
class Program:
    """Statements in order: each reads inputs and earlier statements only; ``outputs`` are what it is for."""

    inputs: tuple[Input, ...]
    statements: tuple[Compute | Opaque, ...]
    outputs: tuple[Compute | Opaque, ...]

    @property
    def output(self) -> Compute | Opaque:
        """The last output."""
        return self.outputs[-1]

    def tensors(self) -> dict[str, Tensor]:
        """Inputs and statements by name."""
        return {tensor.name: tensor for tensor in (*self.inputs, *self.statements)}

    def __repr__(self) -> str:
        return "\n".join(map(repr, (*self.inputs, *self.statements)))


def read_tensors(tensor: Tensor) -> tuple[Tensor, ...]:
    """The tensors that a tensor reads directly, each once, in the order of their first read."""
    result: tuple[Tensor, ...] = cached(tensor, "reads", _read_tensors)
    return result


def _read_tensors(tensor: Tensor) -> tuple[Tensor, ...]:
    if isinstance(tensor, Input):
        return ()
    if isinstance(tensor, Opaque):
        return tuple(dict.fromkeys(tensor.tensors))
    return tuple(dict.fromkeys(node.tensor for node in walk(tensor.body) if isinstance(node, Read)))


def program_of(outputs: Iterable[Compute | Opaque], inputs: Iterable[Input] = ()) -> Program:
    """The program that computes ``outputs``: whatever they read, in an order in which it can be computed.

    ``inputs`` come first, whether they are read or not.
    """
    outputs = tuple(outputs)
    done: dict[Tensor, None] = dict.fromkeys(inputs)
    stack: list[Tensor] = list(reversed(outputs))
    while stack:
        tensor = stack[-1]
        missing = [read for read in read_tensors(tensor) if read not in done]
        if missing and tensor not in done:
            stack.extend(reversed(missing))
        else:
            stack.pop()
            done.setdefault(tensor)
    return Program(
        tuple(tensor for tensor in done if isinstance(tensor, Input)),
        tuple(tensor for tensor in done if not isinstance(tensor, Input)),
        outputs,
    )

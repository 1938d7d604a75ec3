"""What a program is before it is code: where each tensor is kept, and loops and products in order; data only.

The element expressions in a plan hold no `Reduce`: a reduction is an `Accumulate` inside its loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal as OneOf

from covector.ir import Affine, Compute, Expr, Index, Program, Read, Symbol, Tensor

Place = OneOf["input", "output", "arena", "thread", "register"]


@dataclass(frozen=True, slots=True)
class Storage:
    """Where a tensor is kept: contiguous and row-major, over those of its ``axes`` that are kept.

    ``input`` and ``output`` are the caller's arrays, number ``slot`` of them; ``arena`` is at ``offset`` bytes (a
    multiple of 64) in the memory of the call; ``thread`` is the same in memory that each thread has for itself;
    ``register`` is one value, which keeps no axis. A tensor that keeps only some of its axes lives inside the loops
    over the others.
    """

    place: Place
    axes: tuple[int, ...]
    slot: int = 0
    offset: Affine | None = None


@dataclass(frozen=True, slots=True)
class Assign:
    """``target[positions] = value``."""

    target: Compute
    positions: tuple[Affine, ...]
    value: Expr


@dataclass(frozen=True, slots=True)
class Accumulate:
    """``target[positions] = operation(target[positions], value)``: one of sum, prod, max, min, any, all.

    The target was set to the neutral element by an `Assign` before. Positions may read integer tensors (a scatter);
    where one of them is outside the bounds of the target, nothing happens.
    """

    target: Compute
    positions: tuple[Affine, ...]
    operation: str
    value: Expr


@dataclass(frozen=True, slots=True)
class Loop:
    """``for index in 0 … extent-1: body``.

    The iterations of a ``parallel`` loop may run on several threads. What they accumulate together is ``shared``:
    each thread adds to a copy of its own, and the copies are combined, in the order of the threads, at the end. A
    parallel loop is in no other loop, and nothing that is kept in a register crosses its borders. A loop that stands
    for several collapsed ones has positions such as ``⌊f/N⌋`` and ``f - N·⌊f/N⌋``, which cancel in the offset.

    A loop that has ``columns``, the index of the loop inside it, comes right behind a product, and goes along with its
    columns: for any range of that index it needs the same columns of the product's result, and touches nothing that it
    touches for others. So a thread that has made some columns may go on with these.
    """

    index: Index
    body: tuple[Step, ...]
    parallel: bool = False
    shared: tuple[Compute, ...] = ()
    columns: Index | None = None


@dataclass(frozen=True, slots=True)
class Product:
    """``target[batch, rows, columns] (+)= scale · Σ_inner left · right``.

    ``left`` reads at batch, rows and inner, ``right`` at batch, columns and inner; positions are affine in them, and a
    read outside the bounds is zero, so that a convolution is a product too. ``scale`` is one number, which may read
    tensors at positions without indices; a sum over nothing is 0 whatever it is. ``accumulate`` adds to what is there.
    Where it is ``symmetric``, exchanging the rows with the columns, each with the one in its place, changes nothing.
    """

    target: Compute
    positions: tuple[Affine, ...]
    batch: tuple[Index, ...]
    rows: tuple[Index, ...]
    columns: tuple[Index, ...]
    inner: tuple[Index, ...]
    left: Read
    right: Read
    scale: Expr | None = None
    accumulate: bool = False
    symmetric: bool = False


Step = Loop | Assign | Accumulate | Product


@dataclass(frozen=True, slots=True)
class Kernel:
    """Steps that run as one, about how many scalar operations they are, and about how long they take in one thread, in
    the time of one addition in a full vector.
    """

    name: str
    steps: tuple[Step, ...]
    work: Affine
    cost: Affine


@dataclass(frozen=True, slots=True)
class Plan:
    """A program as kernels in order.

    ``program`` is the program as the passes left it: its outputs stand in the order of those of the program that was
    planned, and have their names. Registers that a plan adds are in ``storage`` alone. ``symbols`` are the extents that
    are only known in a call; ``in_place`` says which output takes the memory of which input. ``arena`` and ``thread``
    are the bytes that a call and each of its threads need.
    """

    program: Program
    kernels: tuple[Kernel, ...]
    storage: Mapping[Tensor, Storage]
    symbols: tuple[Symbol, ...]
    arena: Affine
    thread: Affine
    in_place: Mapping[Compute, Tensor]

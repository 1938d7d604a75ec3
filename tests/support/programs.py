"""Programs in tests: reading them from text, sizes for their symbols, and arrays for their inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.calculus.reverse import gradients
from covector.frontend.program import read_program
from covector.ir import Apply, Compute, Index, Input, Program, Read, Reduce, Symbol, Tensor, is_float, walk
from covector.ir.affine import Affine, Floor, Mod, atoms, free
from covector.run.extents import evaluate_extent

Array = NDArray[Any]
Arrays = dict[str, Array]


def program(text: str) -> Program:
    """The program that a text in the notation writes."""
    return read_program(text)


def symbols(read: Program) -> list[str]:
    """The names of the symbols in the extents of a program, in order."""
    found: dict[str, None] = {}
    for form in _extents(read):
        found.update(dict.fromkeys(_symbols(form)))
    return list(found)


def float_inputs(read: Program) -> tuple[Any, ...]:
    """The inputs that have gradients."""
    return tuple(given for given in read.inputs if is_float(given.dtype))


def arrays(
    read: Program, extents: Mapping[str, int], rng: np.random.Generator, zeros: bool = False, outside: bool = False
) -> Arrays:
    """Arrays for the inputs: floats of either sign away from zero, integers that read inside the bounds.

    With ``zeros`` some floats are 0; with ``outside`` integers that are only compared with an index may lie beyond it.
    """
    limits = _limits(read, extents)
    drawn: Arrays = {}
    for given in read.inputs:
        shape = tuple(evaluate_extent(extent, extents) for extent in given.shape)
        if is_float(given.dtype):
            value = rng.uniform(0.2, 1.6, shape) * rng.choice([-1.0, 1.0], shape)
            drawn[given.name] = np.asarray(
                np.where(rng.random(shape) < 0.2, 0.0, value) if zeros else value, given.dtype
            )
        elif given.dtype == "bool":
            drawn[given.name] = rng.random(shape) < 0.5
        else:
            low, high = limits.get(given.name, (-1, 5) if outside else _compared(read, given, extents))
            drawn[given.name] = np.asarray(rng.integers(low, max(high, low + 1), shape), given.dtype)
    return drawn


def with_gradients(read: Program) -> Iterable[Program]:
    """A program, and that of its gradients together with what it computes."""
    yield read
    wanted: tuple[Tensor, ...] = float_inputs(read)
    if read.output.dtype.startswith("float") and wanted:
        found = gradients(read, wanted).gradient_program(wanted)
        yield Program(found.inputs, found.statements, (read.output, *found.outputs))


def cases_of(text: str, sizes: Mapping[str, int], seed: int) -> Iterator[tuple[Program, Arrays, dict[str, int]]]:
    """A program in the notation and its gradients, every statement of them an output, with arrays and extents."""
    read = program(text)
    extents = {**dict.fromkeys(symbols(read), 2), **sizes}
    rng = np.random.default_rng(seed)
    given = arrays(read, extents, rng)
    for each in with_gradients(Program(read.inputs, read.statements, read.statements)):
        for added in each.inputs[len(read.inputs) :]:
            given[added.name] = rng.standard_normal([evaluate_extent(extent, extents) for extent in added.shape])
        yield each, given, extents


def _extents(read: Program) -> Iterator[Affine]:
    for given in read.inputs:
        yield from given.shape
    for statement in read.statements:
        yield from statement.shape
        if isinstance(statement, Compute):
            for node in walk(statement.body):
                if isinstance(node, Reduce):
                    yield from (index.extent for index in node.indices)
                elif isinstance(node, Affine):
                    yield node


def _symbols(form: Affine) -> Iterator[str]:
    for node in walk(form):
        if isinstance(node, Symbol):
            yield node.name
        elif isinstance(node, Index):
            yield from _symbols(node.extent)


def _limits(read: Program, extents: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """For integer inputs in positions the values that stay inside the bounds of what is read there."""
    found: dict[str, tuple[int, int]] = {}
    for statement in read.statements:
        if not isinstance(statement, Compute):
            continue
        for node in walk(statement.body):
            if not isinstance(node, Read):
                continue
            for position, extent in zip(node.positions, node.tensor.shape, strict=True):
                for atom in atoms(position):
                    coefficient = position.coefficient(atom)
                    if not isinstance(atom, Read) or coefficient is None or not coefficient.is_constant:
                        continue
                    low, high = _ends(position - coefficient * atom, extents)
                    size = evaluate_extent(extent, extents)
                    assert coefficient.constant > 0
                    first, last = -(low // coefficient.constant), (size - 1 - high) // coefficient.constant
                    old = found.get(atom.tensor.name, (first, last + 1))
                    found[atom.tensor.name] = (max(old[0], first), min(old[1], last + 1))
    return found


def _compared(read: Program, given: Input, extents: Mapping[str, int]) -> tuple[int, int]:
    """The values of every index that an input is compared with."""
    high = 3
    for statement in read.statements:
        for node in walk(statement.body) if isinstance(statement, Compute) else ():
            if isinstance(node, Apply) and node.function.name == "eq":
                parts = [part for part in walk(node) if isinstance(part, (Index, Read))]
                if any(isinstance(part, Read) and part.tensor is given for part in parts):
                    sizes = [evaluate_extent(part.extent, extents) for part in parts if isinstance(part, Index)]
                    high = min([high, *sizes])
    return 0, high


def _ends(form: Affine, extents: Mapping[str, int]) -> tuple[int, int]:
    """The smallest and the largest value of a form that is linear in its indices."""
    assert not any(isinstance(atom, (Floor, Mod)) for atom in atoms(form))
    low = high = 0
    rest = form
    for index in free(form):
        coefficient = form.coefficient(index)
        assert coefficient is not None
        rest = rest - coefficient * index
        reach = evaluate_extent(coefficient, extents) * max(evaluate_extent(index.extent, extents) - 1, 0)
        low, high = low + min(reach, 0), high + max(reach, 0)
    base = evaluate_extent(rest, extents)
    return base + low, base + high

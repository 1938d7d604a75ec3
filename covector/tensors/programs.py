"""Programs by structure: a graph is linked and compiled once, and once more when its sizes change.

The second size of a batch, that is of first axes, makes the extents that differ arguments of the program. What else
differs, such as channels and widths, stays part of the program for the first sizes, since code that knows them is
quicker; after a few it becomes arguments too. Where that cannot be linked, each size has a program of its own, of which
a bounded number is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from covector.ir import Affine, Symbol, as_affine
from covector.ir.check import check
from covector.native.engine import Executable, compile_program
from covector.native.forks import held_at_fork
from covector.run.extents import evaluate_extent
from covector.tensors.link import Graph, Linked, LinkError, link

MOST_PROGRAMS = 512
"""Structures that are kept; the one not used for longest goes first."""

MOST_SIZES = 8
"""Programs of one structure that are kept."""


OWN_SIZES = 3
"""Programs of one structure after which any size that differs is an argument."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program that can be run, and the values of its symbols in a call."""

    linked: Linked
    executable: Executable
    extents: Mapping[str, int]


@dataclass(slots=True)
class _Program:
    """A program of a structure: ``groups`` are the positions of the sizes that are one symbol.

    A symbol is at least 1, as the proofs about bounds have it; a size of 0 is part of its program.
    """

    linked: Linked
    executable: Executable
    sizes: tuple[int, ...]
    groups: tuple[tuple[int, ...], ...] = ()

    def extents(self, sizes: Sequence[int]) -> dict[str, int] | None:
        """The values of the symbols for these sizes, or None where the program is not for them."""
        free = {position for group in self.groups for position in group}
        if any(a != b for at, (a, b) in enumerate(zip(self.sizes, sizes, strict=True)) if at not in free):
            return None
        if any(
            not sizes[group[0]] or sizes[position] != sizes[group[0]] for group in self.groups for position in group
        ):
            return None
        found = _values(self.groups, sizes)
        if any(found[name] != evaluate_extent(extent, found) for name, extent in self.linked.equal):
            return None
        return found


@dataclass(slots=True)
class _Structure:
    programs: list[_Program] = field(default_factory=list)
    links_with_symbols: bool = True


_structures: OrderedDict[object, _Structure] = OrderedDict()
_lock = held_at_fork(threading.RLock())
compiled_count = 0


def compiled(graph: Graph) -> Compiled:
    """The program of a graph, compiled unless it is known."""
    with _lock:
        key, sizes = graph.structure(), graph.sizes()
        structure = _structures.get(key)
        if structure is None:
            structure = _structures[key] = _Structure()
            if len(_structures) > MOST_PROGRAMS:
                _structures.popitem(last=False)
        _structures.move_to_end(key)
        # The oldest that fits: going through the same sizes again finds the same programs, and so the same bits.
        for program in structure.programs:
            extents = program.extents(sizes)
            if extents is not None:
                return Compiled(program.linked, program.executable, extents)
        program = _another(graph, sizes, structure)
        structure.programs.append(program)
        del structure.programs[:-MOST_SIZES]
        return Compiled(program.linked, program.executable, program.extents(sizes) or {})


def _another(graph: Graph, sizes: tuple[int, ...], structure: _Structure) -> _Program:
    """A program for sizes that no program of the structure is for."""
    known = _alike(graph, sizes, structure.programs) if structure.links_with_symbols else None
    if known is not None:
        groups = _groups(known, sizes)
        extents = [as_affine(size) for size in sizes]
        for number, group in enumerate(groups):
            for position in group:
                extents[position] = as_affine(Symbol(f"N{number}"))
        try:
            samples = [_values(groups, values) for values in (known.sizes, sizes)]
            return _made(graph, extents, sizes, groups, samples)
        except LinkError:
            structure.links_with_symbols = False
    return _made(graph, [as_affine(size) for size in sizes], sizes, ())


def _alike(graph: Graph, sizes: Sequence[int], programs: Sequence[_Program]) -> _Program | None:
    """The program whose sizes are to become arguments where others differ; None where these have one of their own."""
    inner = graph.inner_axes()
    for program in reversed(programs):
        if all(program.sizes[position] == sizes[position] for position in inner):
            return program
    return programs[-1] if len(programs) >= OWN_SIZES else None


def _groups(known: _Program, sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """The positions where sizes differ from those of a program, those together that are equal in both."""
    symbolic = {position: number for number, group in enumerate(known.groups) for position in group}
    together: dict[tuple[int, int, int], list[int]] = {}
    for position, (old, new) in enumerate(zip(known.sizes, sizes, strict=True)):
        if new and (old != new or position in symbolic):
            together.setdefault((symbolic.get(position, -1), old, new), []).append(position)
    return tuple(tuple(group) for group in together.values())


def _values(groups: Iterable[Sequence[int]], sizes: Sequence[int]) -> dict[str, int]:
    """The values of the symbols of groups for some sizes."""
    return {f"N{number}": sizes[group[0]] for number, group in enumerate(groups)}


def _made(
    graph: Graph,
    extents: list[Affine],
    sizes: tuple[int, ...],
    groups: tuple[tuple[int, ...], ...],
    samples: Sequence[dict[str, int]] = (),
) -> _Program:
    global compiled_count  # noqa: PLW0603 - how many programs this process has compiled, shown by explain
    linked = link(graph, extents, samples)
    executable = compile_program(check(linked.program), linked.in_place)
    compiled_count += 1
    return _Program(linked, executable, sizes, groups)

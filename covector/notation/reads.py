"""Whether a read can fall outside the bounds of its tensor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import product

from covector.errors import BoundsError, CovectorError
from covector.ir import Affine, Floor, Index, Mod, Read, Symbol, as_affine, walk
from covector.ir.affine import atoms, free, replace_atoms
from covector.ir.bounds import lower_bound, upper_bound, within
from covector.notation.scope import shape_text
from covector.notation.statement import Site, Statement

_MOST_POINTS = 20_000

Witness = tuple[str, str]
"""Values of indices at which a read falls outside, and the position that it has there."""


def check_read(site: Site, read: Read, statement: Statement) -> None:
    """Raise `BoundsError` where a read that nothing guards can fall outside.

    What cannot be decided from the extents (data, symbols that bear no relation) is left to the run.
    """
    if site.padded:
        return
    for axis, (position, extent) in enumerate(zip(read.positions, read.tensor.shape, strict=True)):
        if site.guarded[axis] or within(position, extent):
            continue
        witness = _outside(position, extent)
        if witness is not None:
            raise _error(site, read, axis, witness, statement)


def _outside(position: Affine, extent: Affine) -> Witness | None:
    """How a position can fall outside; None where that is not known."""
    nodes = list(walk(position))
    if any(isinstance(node, Read) for node in nodes):
        return None
    if any(index.extent.is_constant and index.extent.constant <= 0 for index in free(position)):
        return None
    numbers = all(index.extent.is_constant for index in free(position)) and extent.is_constant
    if any(isinstance(node, (Floor, Mod)) for node in nodes):
        plain = not any(isinstance(node, Symbol) for node in nodes)
        return _search(position, extent.constant) if numbers and plain else None
    lowest, highest = lower_bound(position), upper_bound(position)
    if _can_be_negative(lowest):
        return _says(position, lowest, lower=True)
    if _can_be_positive(highest - extent):
        return _says(position, highest, lower=False)
    return None


def _says(position: Affine, reached: Affine, lower: bool) -> Witness:
    indices = sorted(free(position), key=lambda index: index.name)
    where = ", ".join(f"{index.name} = {_end(position, index, lower)!r}" for index in indices)
    return where, repr(reached)


def _end(position: Affine, index: Index, lower: bool) -> Affine:
    """The end of the range of an index at which a position is lowest, or highest."""
    coefficient = position.coefficient(index)
    rising = coefficient is not None and not _can_be_negative(coefficient)
    return as_affine(0) if rising == lower else index.extent - 1


def _can_be_negative(form: Affine) -> bool:
    """Whether a polynomial over symbols of at least 1 is negative for some or all of them, and for no symbol positive.

    Where symbols pull both ways, or stand under a floor, their sizes decide, and only the run knows those.
    """
    if not all(isinstance(atom, Symbol) for atom in atoms(form)):
        return False
    shifted = _shifted(form)
    rising = any(coefficient > 0 for _, coefficient in shifted.terms)
    return not rising and (shifted.constant < 0 or bool(shifted.terms))


def _can_be_positive(form: Affine) -> bool:
    """The same for "not negative", as of ``highest - extent``."""
    return _can_be_negative(as_affine(-1) - form)


def _shifted(form: Affine) -> Affine:
    """The form with each symbol written as one more than something that is not negative."""
    return replace_atoms(form, {atom: as_affine(atom) + 1 for atom in atoms(form) if isinstance(atom, Symbol)})


def _search(position: Affine, extent: int) -> Witness | None:
    """Try every value of the indices, where there are not too many."""
    indices = sorted(free(position), key=lambda index: index.name)
    ranges = [range(index.extent.constant) for index in indices]
    if math.prod(map(len, ranges)) > _MOST_POINTS:
        return None
    for point in product(*ranges):
        at = _at(position, dict(zip(indices, point, strict=True)))
        if not 0 <= at < extent:
            where = ", ".join(f"{index.name} = {number}" for index, number in zip(indices, point, strict=True))
            return where, str(at)
    return None


def _at(form: Affine, point: Mapping[Index, int]) -> int:
    """The value of a form at a point."""
    return form.constant + sum(
        coefficient * math.prod(_values(monomial, point)) for monomial, coefficient in form.terms
    )


def _values(monomial: tuple[object, ...], point: Mapping[Index, int]) -> Iterator[int]:
    for atom in monomial:
        if isinstance(atom, Index):
            yield point[atom]
        elif isinstance(atom, Floor):
            yield _at(atom.numerator, point) // _at(atom.denominator, point)
        elif isinstance(atom, Mod):
            yield _at(atom.numerator, point) % _at(atom.denominator, point)


def _error(site: Site, read: Read, axis: int, witness: Witness, statement: Statement) -> CovectorError:
    node = site.nodes[axis] or site.node
    text, shape = statement.text(site.node), read.tensor.shape
    last = repr(shape[axis] - 1)
    at = f"at {witness[0]} " if witness[0] else ""
    message = f"{text} can fall outside {site.name} ({shape_text(shape)}): {at}its position"
    message += f" on axis {axis} is {witness[1]}, not in 0 … {last}"
    hint = f"write pad({text}) for a read that is 0 there, guard it with a bracket, or give the index a smaller extent"
    if read.positions[axis].is_constant and read.positions[axis].constant < 0:
        hint = f"positions count from 0, and the last one is {last}"
    return statement.fault(message, node, hint, BoundsError)

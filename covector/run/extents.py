"""Giving symbols their values from the arrays at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from covector.errors import ShapeError, UnknownNameError, nearest
from covector.ir import Affine, Floor, Input, Mod, Symbol
from covector.ir.affine import atoms
from covector.ir.node import Node

Extents = dict[str, int]


def bind_extents(
    inputs: Iterable[Input],
    arrays: Mapping[str, NDArray[np.generic]],
    extents: Mapping[str, int] | None = None,
) -> Extents:
    """The value of every symbol, from the shapes of the arrays given for the inputs.

    Raises `UnknownNameError` where an array is missing and `ShapeError` where shapes contradict each other.
    """
    inputs = tuple(inputs)
    bound: Extents = dict(extents or {})
    for given in inputs:
        if given.name not in arrays:
            close = nearest(given.name, arrays)
            hint = f"{close!r} was given: is it meant?" if close else f"its shape is {_shape(given.shape)}"
            raise UnknownNameError(f"no array was given for the input {given.name!r}", hint=hint)
        _bind_shape(given, arrays[given.name].shape, bound)
    for given in inputs:
        wanted = tuple(evaluate_extent(extent, bound) for extent in given.shape)
        if wanted != arrays[given.name].shape:
            raise ShapeError(
                f"{given.name} has shape {arrays[given.name].shape}, but {_shape(given.shape)} is {wanted} here",
                hint="extents of the same name must agree: " + ", ".join(f"{k} = {v}" for k, v in bound.items()),
            )
    return bound


def evaluate_extent(extent: Affine, bound: Mapping[str, int]) -> int:
    """The value of an extent; raises `ShapeError` where a symbol in it is not bound."""
    total = extent.constant
    for monomial, coefficient in extent.terms:
        product = coefficient
        for atom in monomial:
            product *= _atom(atom, bound)
        total += product
    return total


def symbols(form: Affine) -> set[str]:
    """The names of the symbols in an extent."""
    names: set[str] = set()
    for atom in atoms(form):
        if isinstance(atom, Symbol):
            names.add(atom.name)
        elif isinstance(atom, (Floor, Mod)):
            names |= symbols(atom.numerator) | symbols(atom.denominator)
    return names


def _bind_shape(given: Input, shape: tuple[int, ...], bound: Extents) -> None:
    if len(shape) != len(given.shape):
        raise ShapeError(f"{given.name} has the shape {shape}, but {_shape(given.shape)} is wanted")
    for axis, (extent, size) in enumerate(zip(given.shape, shape, strict=True)):
        symbol = extent.atom
        if isinstance(symbol, Symbol) and bound.setdefault(symbol.name, size) != size:
            raise ShapeError(
                f"{given.name} has {size} along axis {axis}, where {symbol.name} is {bound[symbol.name]}",
                hint=f"the shape of {given.name} is {_shape(given.shape)}",
            )


def _atom(atom: Node, bound: Mapping[str, int]) -> int:
    if isinstance(atom, Symbol):
        if atom.name not in bound:
            raise ShapeError(f"the extent {atom.name} is not known", hint=f"say it: extents={{{atom.name!r}: …}}")
        return bound[atom.name]
    assert isinstance(atom, (Floor, Mod))
    top, bottom = evaluate_extent(atom.numerator, bound), evaluate_extent(atom.denominator, bound)
    return top // bottom if isinstance(atom, Floor) else top % bottom


def _shape(shape: tuple[Affine, ...]) -> str:
    return "×".join(map(repr, shape)) or "()"

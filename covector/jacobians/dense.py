"""The dense array of a Jacobian.

Where deltas make it mostly zero, it is cleared memory, and the elements of each term are put where they belong: at
fixed distances along what the deltas leave free. Otherwise a program computes every element.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from covector.calculus.rules import simplify
from covector.ir import Affine, Compute, Program, as_affine
from covector.ir.affine import free
from covector.ir.tensor import program_of
from covector.ir.walk import unshadowed
from covector.jacobians import products
from covector.jacobians.form import Form
from covector.jacobians.support import support
from covector.jacobians.terms import Term
from covector.native.memory import address, aligned_empty
from covector.run.extents import evaluate_extent
from covector.run.reference import Array

MOSTLY = 4
"""How many times as many zeros as other elements there must be for these to be put into cleared memory."""


@dataclass(frozen=True, slots=True)
class Part:
    """The elements of a term: where the first one is, the extents of what is free, and the distances along it.

    ``program`` computes them, with ``shape`` in place of the extents: 1 along what they do not depend on.
    """

    first: int
    extents: tuple[int, ...]
    distances: tuple[int, ...]
    program: Program
    shape: tuple[int, ...]


def dense(form: Form, arrays: Mapping[str, Array], run: Callable[[Program], Array]) -> Array:
    """The dense array of a form over stored factors, by what runs a program over these."""
    whole = products.whole_factor(form)
    if whole is not None:
        return arrays[whole].copy()
    found = parts(form)
    if found is None:
        return run(products.dense(form))
    result = cleared((*form.shapes[0], *form.shapes[1]), np.dtype(form.dtype))
    for part in found:
        place = result.reshape(-1)[part.first :]
        steps = tuple(distance * result.itemsize for distance in part.distances)
        place = as_strided(place, part.extents, steps)
        place += run(part.program).reshape(part.shape)
    return result


def cleared(shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    """An array of zeros, made as fast as memory is cleared.

    >>> cleared((2, 2), np.dtype("float32"))
    array([[0., 0.],
           [0., 0.]], dtype=float32)
    """
    array = aligned_empty(shape, dtype)
    if array.nbytes:
        ctypes.memset(address(array), 0, array.nbytes)
    return array


@lru_cache(maxsize=1024)
def parts(form: Form) -> tuple[Part, ...] | None:
    """The terms of a form whose elements lie at fixed distances; None where one does not, or they are not few."""
    sizes = (*form.shapes[0], *form.shapes[1])
    strides = [prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
    found = [_part(form, term, strides) for term in form.terms]
    known = tuple(part for part in found if part is not None)
    count: int = prod(sizes)
    few = sum(prod(part.extents) for part in known) * MOSTLY <= count
    return known if few and len(known) == len(found) and count else None


def _part(form: Form, term: Term, strides: list[int]) -> Part | None:
    """The elements of a term, or None where they do not lie at fixed distances."""
    where = support(term, form.groups)
    offset = as_affine(0)
    for position, stride in zip((*where.rows, *where.columns), strides, strict=True):
        offset = offset + position * stride
    distances = [_distance(offset, as_affine(index)) for index in where.over]
    if where.guards or any(distance is None for distance in distances) or free(offset) - set(where.over):
        return None
    own = frozenset().union(*map(free, where.factors)) - set(where.bound)
    over = tuple(index for index in where.over if index in own)
    body = simplify(Term(where.coefficient, (), where.factors or (as_affine(1),), where.bound).expr)
    values = Compute("values", over, unshadowed(body, over), form.dtype)
    extents = tuple(evaluate_extent(index.extent, {}) for index in where.over)
    shape = tuple(size if index in own else 1 for index, size in zip(where.over, extents, strict=True))
    known = tuple(distance for distance in distances if distance is not None)
    return Part(offset.constant, extents, known, program_of((values,), form.tensors), shape)


def _distance(offset: Affine, index: Affine) -> int | None:
    """How far the next element along an index is; None where that is not one number."""
    assert index.index is not None
    found = offset.coefficient(index.index)
    return found.constant if found is not None and found.is_constant else None

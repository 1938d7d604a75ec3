"""Contractions: matrix products and einsum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from covector.errors import NotationError, ShapeError
from covector.frontend.elementwise import (
    broadcast,
    describe,
    lift_all,
    listing,
    number,
    positions_in,
    shape_text,
)
from covector.frontend.lazy import is_view, reduces, weight
from covector.frontend.letters import wish
from covector.ir import Affine, Apply, Expr, Index, Reduce, as_affine
from covector.ops import SCALARS

if TYPE_CHECKING:
    from covector.frontend.arrays import Array

_MUL = SCALARS["mul"]
_CHAIN = 7  # the weight of a product of three matrices


def factor(array: Array) -> Array:
    """An operand of a contraction: a statement of its own unless it is elementwise, or a product of few arrays."""
    inlined = not reduces(array.body) or (weight(array.body) <= _CHAIN and _is_product(array.body))
    return array if inlined else array.trace.keep(array)


def _is_product(expr: Expr) -> bool:
    if isinstance(expr, Reduce):
        return expr.operation == "sum" and _is_product(expr.body)
    if isinstance(expr, Apply):
        return expr.function is _MUL and all(_is_product(part) for part in expr.arguments)
    return is_view(expr)


def product(parts: Sequence[Expr]) -> Expr:
    """The product of some elements, a first one that is a product continued."""
    first, *rest = (number(part) for part in parts)
    if isinstance(first, Apply) and first.function is _MUL:
        rest = [*first.arguments[1:], *rest]
        first = first.arguments[0]
    return Apply(_MUL, (first, *rest)) if rest else first


def matmul(left: Any, right: Any) -> Array:
    """The matrix product of vectors, matrices, and batches of matrices whose leading axes broadcast.

    Raises `ShapeError` in PyTorch's words where the inner extents differ.
    """
    a, b = (factor(array) for array in lift_all("matmul", (left, right)))
    for array in (a, b):
        if not array.ndim:
            raise ShapeError(f"matmul takes no scalar ({listing([a, b])})", hint="a product with a number is written *")
    inner = a.extents[-1]
    if inner is not b.extents[-2 if b.ndim > 1 else -1]:
        raise _cannot_multiply(a, b)
    trace, batch = a.trace, _batch(a, b)
    k = trace.index(inner)
    row = [trace.index(a.extents[-2], wish(a.indices[-2]))] if a.ndim > 1 else []
    column = [trace.index(b.extents[-1], wish(b.indices[-1]))] if b.ndim > 1 else []
    lead = [positions_in(array.extents[: max(array.ndim - 2, 0)], batch) for array in (a, b)]
    parts = (a.at([*lead[0], *row, k]), b.at([*lead[1], k, *column]))
    return a.make((*batch, *row, *column), Reduce("sum", (k,), product(parts)))


def _batch(a: Array, b: Array) -> list[Index]:
    """New indices for the leading axes of a product."""
    try:
        extents = broadcast("matmul", (a, b), 2)
    except ShapeError as error:
        raise ShapeError(error.message, hint=f"matmul of {listing([a, b])}: the leading axes must broadcast") from None
    return [a.trace.index(extent) for extent in extents]


def _cannot_multiply(a: Array, b: Array) -> ShapeError:
    left, right = shape_text(a.extents), shape_text(b.extents)
    if a.ndim == b.ndim == 1:
        message = (
            f"inconsistent tensor size, expected tensor [{left}] and src [{right}] to have the same number of "
            f"elements, but got {left} and {right} elements respectively"
        )
    else:
        message = f"mat1 and mat2 shapes cannot be multiplied ({left} and {right})"
    return ShapeError(message, hint=_transposed(a, b))


def _transposed(a: Array, b: Array) -> str | None:
    """Which transpose would make the product fit."""
    left, right = describe(a) or "a", describe(b) or "b"
    if b.ndim > 1 and a.extents[-1] is b.extents[-1]:
        return f"{left} @ {_flip(right)} would fit"
    if a.ndim > 1 and a.extents[-2] is b.extents[-2 if b.ndim > 1 else -1]:
        return f"{_flip(left)} @ {right} would fit"
    return f"{right} @ {left} would fit" if b.extents[-1] is a.extents[-2 if a.ndim > 1 else -1] else None


def _flip(name: str) -> str:
    return name[:-2] if name.endswith(".T") else f"{name}.T"


def einsum(equation: Any, *operands: Any) -> Array:
    """The sum of products that an equation names, such as ``ij,jk->ik``; see `covector.frontend.functions.einsum`."""
    arrays = [factor(array) for array in lift_all("einsum", operands)] if operands else []
    inputs, output = _parse(equation, arrays)
    pairs = list(zip(inputs, arrays, strict=True))
    batch = [array.ndim - len(letters.replace("...", "")) for letters, array in pairs]
    lead = _ellipsis(equation, inputs, arrays, batch)
    bound = _letters(equation, inputs, arrays)
    parts = []
    for letters, array, width in zip(inputs, arrays, batch, strict=True):
        positions: list[Affine] = []
        for at, letter in _positions(letters):
            own = array.extents[at : at + width]
            positions += positions_in(own, lead) if letter == "..." else [as_affine(bound[letter])]
        parts.append(array.at(positions))
    kept = [bound[letter] for _, letter in _positions(output) if letter != "..."]
    at = output.find("...")
    indices = [*kept[:at], *lead, *kept[at:]] if at >= 0 else kept
    summed = [index for index in (*lead, *bound.values()) if index not in indices]
    body = product(parts)
    return arrays[0].make(indices, Reduce("sum", tuple(summed), body) if summed else body)


def _parse(equation: Any, arrays: Sequence[Array]) -> tuple[list[str], str]:
    """The letters of each operand and of the output."""
    if not isinstance(equation, str):
        hint = 'as in einsum("ij,jk->ik", a, b)'
        raise NotationError(f"einsum takes an equation first, not {type(equation).__name__}", hint=hint)
    text = equation.replace(" ", "")
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    for part in (*inputs, output):
        rest = part.replace("...", "", 1)
        bad = next((character for character in rest if not character.isalpha()), None)
        if bad is not None:
            hint = "an equation is made of letters, '...', ',' and '->'"
            raise NotationError(f"einsum: {equation!r} holds {bad!r}", hint=hint)
    if len(inputs) != len(arrays):
        wanted = "1 operand" if len(inputs) == 1 else f"{len(inputs)} operands"
        raise ShapeError(f"einsum: {equation!r} names {wanted}, and {len(arrays)} are given")
    if not arrow:
        once = [letter for part in inputs for letter in part.replace("...", "")]
        output = "..." if any("..." in part for part in inputs) else ""
        output += "".join(sorted(letter for letter in set(once) if once.count(letter) == 1))
    _check_output(equation, inputs, output)
    for part, array in zip(inputs, arrays, strict=True):
        letters = part.replace("...", "")
        if len(letters) > array.ndim or (len(letters) < array.ndim and "..." not in part):
            raise ShapeError(f"einsum: {part!r} in {equation!r} does not fit {listing([array])}")
    return inputs, output


def _check_output(equation: str, inputs: Sequence[str], output: str) -> None:
    plain = output.replace("...", "")
    for letter in plain:
        if plain.count(letter) > 1:
            raise NotationError(f"einsum: the output of {equation!r} has {letter!r} twice")
        if not any(letter in part for part in inputs):
            raise NotationError(f"einsum: the output of {equation!r} has {letter!r}, which no operand has")
    if "..." in output and not any("..." in part for part in inputs):
        raise NotationError(f"einsum: the output of {equation!r} has '...', which no operand has")


def _positions(letters: str) -> list[tuple[int, str]]:
    """The letters of an operand, ``...`` as one, each with the number of letters before it."""
    before, dots, after = letters.partition("...")
    parts = [*before, *([dots] if dots else []), *after]
    return list(enumerate(parts))


def _ellipsis(equation: str, inputs: Sequence[str], arrays: Sequence[Array], batch: Sequence[int]) -> list[Index]:
    """New indices for the axes that ``...`` stands for."""
    stacks = []
    for letters, array, width in zip(inputs, arrays, batch, strict=True):
        at = letters.find("...")
        stacks.append(array.make(array.indices[at : at + width] if at >= 0 else (), array.body))
    try:
        extents = broadcast("einsum", stacks)
    except ShapeError as error:
        hint = f"einsum {equation!r} of {listing(arrays)}: the axes of '...' must broadcast"
        raise ShapeError(error.message, hint=hint) from None
    return [arrays[0].trace.index(extent) for extent in extents]


def _letters(equation: str, inputs: Sequence[str], arrays: Sequence[Array]) -> dict[str, Index]:
    """An index for each letter; raises `ShapeError` where a letter would have two extents."""
    bound: dict[str, Index] = {}
    owner: dict[str, Array] = {}
    for letters, array in zip(inputs, arrays, strict=True):
        before, _, after = letters.partition("...")
        own = [*zip(before, array.extents, strict=False)]
        own += [*zip(after, array.extents[array.ndim - len(after) :], strict=False)]
        for letter, extent in own:
            known = bound.setdefault(letter, array.trace.index(extent, letter))
            if known.extent is not extent:
                message = f"einsum: {letter!r} in {equation!r} is {known.extent!r} and {extent!r}"
                raise ShapeError(message, hint=listing(list(dict.fromkeys([owner[letter], array]))))
            owner.setdefault(letter, array)
    return bound

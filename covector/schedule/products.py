"""Statements that are a product of two operands, as the step that says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from covector.calculus.build import factors_of, mul
from covector.ir import Affine, Compute, Expr, Index, Read, Reduce, as_affine, floor_div, is_float, substitute
from covector.ir.affine import atoms, exact_quotient, free
from covector.ir.walk import fresh
from covector.schedule.contract import is_affine, is_product
from covector.schedule.grouped import Terms, grouped, is_filtered
from covector.schedule.plan import Product
from covector.schedule.symmetry import is_symmetric


def products_of(statement: Compute) -> tuple[Product, ...]:
    """The products that a statement is, each of which gives some of its elements; nothing where it is none."""
    body = statement.body
    if not isinstance(body, Reduce) or body.operation != "sum":
        return ()
    factors = factors_of(body.body)
    reads = [factor for factor in factors if isinstance(factor, Read) and free(factor)]
    scale = [factor for factor in factors if not free(factor)]
    if len(reads) != 2 or len(scale) + 2 != len(factors):
        return ()
    if not is_float(statement.dtype) or any(read.tensor.dtype != statement.dtype for read in reads):
        return ()
    terms = grouped(Terms(statement.indices, tuple(map(as_affine, statement.indices)), body.indices, *reads))
    left, right, own = terms.left, terms.right, terms.own
    if not (is_affine(left) and is_affine(right)) or set(own) - free(left) - free(right):
        return ()
    roles = frozenset(terms.inner), free(left), free(right)
    if not is_product(*roles) and not is_filtered(own, terms.inner, left, right):
        return ()
    whole = arranged(statement, terms.positions, own, terms.inner, left, right, mul(*scale) if scale else None)
    return tuple(replace(part, symmetric=True) if is_symmetric(part) else part for part in windowed(whole))


def arranged(
    target: Compute,
    positions: tuple[Affine, ...],
    own: Sequence[Index],
    inner: Sequence[Index],
    left: Read,
    right: Read,
    scale: Expr | None,
) -> Product:
    """A product with each index in its role.

    The operand that has the last index of the target is the right one, so that columns are contiguous.
    """
    single = [index for index in own if (index in free(left)) != (index in free(right))]
    if single and single[-1] in free(left):
        left, right = right, left
    return Product(
        target,
        positions,
        batch=tuple(index for index in own if index in free(left) and index in free(right)),
        rows=tuple(index for index in own if index not in free(right)),
        columns=tuple(index for index in own if index not in free(left)),
        inner=tuple(inner),
        left=left,
        right=right,
        scale=scale,
    )


def windowed(product: Product) -> tuple[Product, ...]:
    """A product whose inner index runs over much more than the window in which an operand is not zero, as products over
    the window: the adjoint of a convolution in its image.

    Where the window moves by several elements, there is one product for each remainder of the position.
    """
    for read, other in ((product.left, product.right), (product.right, product.left)):
        for axis, position in enumerate(read.positions):
            for index in product.inner:
                step = window_step(read, axis, other, index)
                if step:
                    return tuple(
                        smaller
                        for remainder in range(abs(step))
                        if (part := narrowed(product, position, index, read.tensor.shape[axis], step, remainder))
                        for smaller in windowed(part)
                    )
    return (product,)


def window_step(read: Read, axis: int, other: Read, index: Index) -> int:
    """By how much the position of a read moves with an index that may run over the window of that axis instead; 0 where
    it may not.
    """
    position, extent = read.positions[axis], read.tensor.shape[axis]
    coefficient = position.coefficient(index)
    if coefficient is None or not coefficient.is_constant or not coefficient.constant or not extent.is_constant:
        return 0
    step = coefficient.constant
    if index.extent.is_constant and index.extent.constant * abs(step) <= extent.constant:
        return 0
    if any(index in free(form) for at, form in enumerate(read.positions) if at != axis):
        return 0
    ends = (
        form.index is index and size is index.extent
        for form, size in zip(other.positions, other.tensor.shape, strict=True)
    )
    if not any(ends):
        return 0
    return step if abs(step) == 1 or _single(position, index) is not None else 0


def _single(position: Affine, index: Index) -> Index | None:
    """The one other index of a position that moves it by one element, with only numbers beside it."""
    rest = position - as_affine(index) * (position.coefficient(index) or 0)
    found = [atom for atom in atoms(rest) if isinstance(atom, Index)]
    if len(found) == 1 and abs((rest.coefficient(found[0]) or as_affine(0)).constant) == 1 and len(rest.terms) == 1:
        return found[0]
    return None


def narrowed(
    product: Product, position: Affine, index: Index, extent: Affine, step: int, remainder: int
) -> Product | None:
    """The product for the elements whose position leaves a remainder, its inner index replaced by one over the window.

    With ``position = a·k + step·u + c``, ``k = s·k' + remainder`` and s the size of the step, the position is
    ``s·w + e`` for a w in the window, and u is a whole number: that of the original sum.
    """
    size, sign = abs(step), 1 if step > 0 else -1
    replaced: dict[Index, Affine] = {}
    taken = {*product.batch, *product.rows, *product.columns, *product.inner}
    single = _single(position, index) if size > 1 else None
    if single is not None:
        count = floor_div(single.extent + (size - 1 - remainder), size)
        if count.is_constant and count.constant < 1:
            return None
        replaced[single] = size * as_affine(Index(single.name, count)) + remainder
    moved = substitute(position - step * as_affine(index), replaced)
    offset = moved.constant % size
    window = fresh(Index(index.name, floor_div(extent + (size - 1 - offset), size)), frozenset(taken))
    difference = size * as_affine(window) + offset - moved
    whole = exact_quotient(difference, as_affine(size))
    assert whole is not None, f"{difference!r} is no multiple of {size}"
    replaced[index] = sign * whole
    own = [_renamed(i, replaced) for i in (*product.batch, *product.rows, *product.columns)]
    inner = [window if i is index else i for i in product.inner]
    left, right = (substitute(read, replaced) for read in (product.left, product.right))
    positions = tuple(substitute(form, replaced) for form in product.positions)
    order = {i: place for place, form in enumerate(positions) for i in free(form)}
    own.sort(key=lambda i: order[i])
    return arranged(product.target, positions, own, inner, left, right, product.scale)


def _renamed(index: Index, replaced: Mapping[Index, Affine]) -> Index:
    """An index of the target, or what took its place."""
    (renamed,) = free(replaced[index]) if index in replaced else (index,)
    return renamed

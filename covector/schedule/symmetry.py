"""Products that are symmetric: exchanging rows and columns changes nothing, as in ``Σ_k d[k]·x[k,i]·x[k,j]``.

Only the elements on one side of the diagonal need be computed of such a product; the others are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from covector.ir import Affine, Compute, Expr, Index, Read, Reduce, as_affine, is_float, substitute, walk
from covector.ir.bounds import within
from covector.schedule.factors import flat_factors
from covector.schedule.plan import Product

DEEPEST = 4
"""How many statements deep the factors of an operand are looked for."""


def is_symmetric(product: Product) -> bool:
    """Whether exchanging each row index with the column index in the same place leaves the factors as they are.

    Factors are compared as numbers that are multiplied in any order; how they are rounded does not count.
    """
    rows, columns = product.rows, product.columns
    if not rows or len(rows) != len(columns) or product.accumulate:
        return False
    if any(row.extent is not column.extent for row, column in zip(rows, columns, strict=True)):
        return False
    pairs = (*zip(rows, columns, strict=True), *zip(columns, rows, strict=True))
    exchanged: Mapping[Index, Affine] = {own: as_affine(other) for own, other in pairs}
    factors = [factor for read in (product.left, product.right) for factor in _factors(read, DEEPEST)]
    return Counter(factors) == Counter(substitute(factor, exchanged) for factor in factors)


def _factors(expr: Expr, deep: int) -> Iterator[Expr]:
    """The factors of a product, those of the statements that it reads among them."""
    for factor in flat_factors(expr):
        body = _read_through(factor) if deep and isinstance(factor, Read) else None
        if body is None:
            yield factor
        else:
            yield from _factors(body, deep - 1)


def _read_through(read: Read) -> Expr | None:
    """What the statement that is read computes there; None where it is no product, or is read outside its bounds."""
    statement = read.tensor
    if not isinstance(statement, Compute) or not is_float(statement.dtype) or len(flat_factors(statement.body)) < 2:
        return None
    inside = all(within(form, index.extent) for form, index in zip(read.positions, statement.indices, strict=True))
    if not inside or any(isinstance(node, Reduce) for node in walk(statement.body)):
        return None
    result: Expr = substitute(statement.body, dict(zip(statement.indices, read.positions, strict=True)))
    return result

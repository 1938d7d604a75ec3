"""Statements as loops around one step."""

from __future__ import annotations

from covector.ir import Compute, Expr, Index, Reduce, as_affine, substitute
from covector.schedule.nest import Nest, Whole
from covector.schedule.products import products_of
from covector.schedule.scan import Scan, scanned
from covector.schedule.scatter import scattered
from covector.schedule.unravel import parts_of, unravelled


def nest_of(statement: Compute) -> Nest | Whole | Scan:
    """A statement whose body is pointwise, or one reduction of what is pointwise, as loops; a product as it is."""
    body = statement.body
    if not isinstance(body, Reduce):
        return _nest(statement, (), "", body)
    if body.operation == "sum":
        found = scanned(statement) or scattered(statement)
        if found is not None:
            return found
        products = products_of(statement)
        if products:
            return Whole(statement, products)
    return _nest(statement, body.indices, body.operation, body.body)


def _nest(statement: Compute, reduced: tuple[Index, ...], operation: str, value: Expr) -> Nest:
    """The loops of a statement, without those of one iteration."""
    single = {index: as_affine(0) for index in (*statement.indices, *reduced) if is_single(index)}
    value, split = unravelled((*statement.indices, *reduced), substitute(value, single))
    positions = tuple(single.get(index, split.get(index, as_affine(index))) for index in statement.indices)
    own = tuple(part for index in statement.indices if index not in single for part in parts_of(index, split))
    left = tuple(part for index in reduced if index not in single for part in parts_of(index, split))
    return Nest(statement, positions, own, left, operation if left else "", value)


def is_single(index: Index) -> bool:
    """Whether an index surely takes one value."""
    return index.extent.is_constant and index.extent.constant == 1

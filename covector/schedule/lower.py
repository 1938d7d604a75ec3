"""Statements as loops around one step."""

from __future__ import annotations

from covector.ir import Compute, Reduce, as_affine
from covector.schedule.nest import Nest, Whole
from covector.schedule.products import products_of
from covector.schedule.scan import Scan, scanned
from covector.schedule.scatter import scattered


def nest_of(statement: Compute) -> Nest | Whole | Scan:
    """A statement whose body is pointwise, or one reduction of what is pointwise, as loops; a product as it is."""
    positions = tuple(map(as_affine, statement.indices))
    body = statement.body
    if not isinstance(body, Reduce):
        return Nest(statement, positions, statement.indices, (), "", body)
    if body.operation == "sum":
        found = scanned(statement) or scattered(statement)
        if found is not None:
            return found
        products = products_of(statement)
        if products:
            return Whole(statement, products)
    return Nest(statement, positions, statement.indices, body.indices, body.operation, body.body)

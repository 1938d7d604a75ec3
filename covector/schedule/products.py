"""Statements that are a product of two operands, as the step that says so."""

from __future__ import annotations

from covector.calculus.build import factors_of, mul
from covector.ir import Compute, Read, Reduce, as_affine, is_float, walk
from covector.ir.affine import free
from covector.schedule.contract import is_affine, is_product
from covector.schedule.plan import Product


def product_of(statement: Compute) -> Product | None:
    """The product that a statement is, None where it is none.

    The operand that has the last index of the target is the right one, so that columns are contiguous.
    """
    body = statement.body
    if not isinstance(body, Reduce) or body.operation != "sum":
        return None
    factors = factors_of(body.body)
    reads = [factor for factor in factors if isinstance(factor, Read) and free(factor)]
    scale = [factor for factor in factors if not free(factor) and not _reads(factor)]
    if len(reads) != 2 or len(scale) + 2 != len(factors) or not all(map(is_affine, reads)):
        return None
    if not is_float(statement.dtype) or any(read.tensor.dtype != statement.dtype for read in reads):
        return None
    left, right = reads
    summed, own = frozenset(body.indices), statement.indices
    if not is_product(summed, free(left), free(right)) or set(own) - free(left) - free(right):
        return None
    single = [index for index in own if (index in free(left)) != (index in free(right))]
    if single[-1] in free(left):
        left, right = right, left
    return Product(
        statement,
        tuple(map(as_affine, own)),
        batch=tuple(index for index in own if index in free(left) and index in free(right)),
        rows=tuple(index for index in own if index not in free(right)),
        columns=tuple(index for index in own if index not in free(left)),
        inner=body.indices,
        left=left,
        right=right,
        scale=mul(*scale) if scale else None,
    )


def _reads(expr: object) -> bool:
    return any(isinstance(node, Read) for node in walk(expr))  # type: ignore[arg-type]

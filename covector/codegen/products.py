"""Products of two tensors: as loops where nothing better is there."""

from __future__ import annotations

from fractions import Fraction

from covector.ir import Apply, Expr, Literal
from covector.ops import SCALARS
from covector.schedule.plan import Accumulate, Assign, Loop, Product, Step

ZERO = Literal(Fraction(0))


def product_loops(product: Product) -> tuple[Step, ...]:
    """A product as loops, the columns innermost."""
    factors: tuple[Expr, ...] = (product.left, product.right)
    if product.scale is not None:
        factors = (product.scale, *factors)
    term = Accumulate(product.target, product.positions, "sum", Apply(SCALARS["mul"], factors))
    start = Assign(product.target, product.positions, ZERO)
    own = (*product.batch, *product.rows)
    inner = nested((*own, *product.inner, *product.columns), term)
    return inner if product.accumulate else (*nested((*own, *product.columns), start), *inner)


def nested(indices: tuple[object, ...], step: Step) -> tuple[Step, ...]:
    """A step inside loops."""
    for index in reversed(indices):
        step = Loop(index, (step,))  # type: ignore[arg-type]
    return (step,)

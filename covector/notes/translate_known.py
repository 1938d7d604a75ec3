"""Values that a word of a page stands for: a softmax, a trace, what has the sum one."""

from __future__ import annotations

from fractions import Fraction

from covector.calculus.build import ONE, add, mul, number
from covector.ir import Affine, Apply, Expr, Input, Read
from covector.notes import math as m
from covector.notes.translate_values import (
    Extents,
    MisfitError,
    Positions,
    UnreadError,
    Value,
    constant,
    divide,
    summed,
)
from covector.ops import SCALARS


def softmax(extents: Extents, node: m.Math, value: Value) -> Value:
    """The softmax along the last axis."""
    if not value.shape:
        raise UnreadError("the softmax of a number is not understood: what is its shape?", node.span)
    exp, last = SCALARS["exp"], value.shape[-1]

    def at(positions: Positions) -> Expr:
        total = summed(extents, last, lambda k: Apply(exp, (value.at((*positions[:-1], k)),)))
        return divide(Apply(exp, (value.at(positions),)), total)

    return Value(value.shape, at)


def trace(extents: Extents, node: m.Math, matrix: Value) -> Value:
    """The sum of the diagonal."""
    if len(matrix.shape) != 2 or not extents.unify(*matrix.shape):
        raise MisfitError("only a square matrix has a trace", node.span)
    return constant(summed(extents, matrix.shape[0], lambda k: matrix.at((k, k))))


def normalised(extents: Extents, tensor: Input, axis: int) -> Value:
    """A tensor with the sum 1 along an axis, made of one that may be anything: ``y - mean(y) + 1/n``."""
    shape = tensor.shape
    axis %= len(shape)
    size = shape[axis]

    def at(positions: Positions) -> Expr:
        def other(k: Affine) -> Expr:
            return Read(tensor, (*positions[:axis], k, *positions[axis + 1 :]))

        rest = add(ONE, mul(number(Fraction(-1)), summed(extents, size, other)))
        return add(Read(tensor, positions), divide(rest, size))

    return Value(shape, at)

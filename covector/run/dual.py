"""Dual numbers: the reference interpreter with a tangent beside every value.

Here derivatives are numbers from the start: nothing of the calculus (deltas, rules, reverse accumulation) is
used, only the table's line for each scalar function. So it is a second opinion on what the calculus derives.
Griewank and Walther, Evaluating Derivatives, section 3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from covector.ir import Affine, Apply, Bracket, Compute, Expr, Index, Literal, Program, Read, Reduce, Select, Tensor
from covector.run.extents import evaluate_extent
from covector.run.reference import Array, Evaluation

DerivativeOf = Callable[[Any, int, tuple[Expr, ...]], Expr]


def evaluate_dual(
    program: Program,
    arrays: Mapping[str, Array],
    tangents: Mapping[str, Array],
    extents: Mapping[str, int],
    derivative_of: DerivativeOf,
) -> dict[str, tuple[Array, Array]]:
    """Value and tangent of every statement, where each array has a leading batch axis.

    ``derivative_of(function, argument, at)`` is the element expression of a scalar function's partial derivative.
    """
    values: dict[Tensor, Array] = {tensor: arrays[tensor.name] for tensor in program.inputs}
    moving: dict[Tensor, Array] = {t: tangents[t.name] for t in program.inputs if t.name in tangents}
    for statement in program.statements:
        assert isinstance(statement, Compute)
        sizes = [evaluate_extent(extent, extents) for extent in statement.shape]
        ranges = {index: (0, size) for index, size in zip(statement.indices, sizes, strict=True)}
        evaluation = DualEvaluation(values, moving, extents, ranges, derivative_of)
        with np.errstate(all="ignore"):
            value = evaluation.value(statement.body, statement.indices)
            tangent = evaluation.tangent(statement.body, statement.indices)
        values[statement] = np.array(np.broadcast_to(value, (value.shape[0], *sizes)))
        tangent = np.zeros_like(values[statement]) if tangent is None else tangent
        moving[statement] = np.array(np.broadcast_to(tangent, (tangent.shape[0], *sizes)))
    return {statement.name: (values[statement], moving[statement]) for statement in program.statements}


class DualEvaluation(Evaluation):
    """One statement at work, with tangents."""

    def __init__(
        self,
        values: Mapping[Tensor, Array],
        tangents: Mapping[Tensor, Array],
        extents: Mapping[str, int],
        ranges: Mapping[Index, tuple[int, int]],
        derivative_of: DerivativeOf,
    ) -> None:
        super().__init__(values, extents, ranges, strict=False)
        self.tangents, self.derivative_of = tangents, derivative_of

    def tangent(self, expr: Expr, scope: tuple[Index, ...]) -> Array | None:
        """The tangent of an expression; None where it is zero because nothing in it moves."""
        if isinstance(expr, Read):
            return self.read(self.tangents[expr.tensor], expr, scope) if expr.tensor in self.tangents else None
        if isinstance(expr, (Literal, Affine, Bracket)):
            return None
        if isinstance(expr, Select):
            return self._select(expr, scope)
        if isinstance(expr, Reduce):
            return self._reduce(expr, scope)
        return self._product(expr, scope) if expr.function.name == "mul" else self._apply(expr, scope)

    def _select(self, expr: Select, scope: tuple[Index, ...]) -> Array | None:
        then, otherwise = self.tangent(expr.then, scope), self.tangent(expr.otherwise, scope)
        if then is None and otherwise is None:
            return None
        condition = self.value(expr.condition, scope).astype(bool)
        return np.where(condition, 0.0 if then is None else then, 0.0 if otherwise is None else otherwise)

    def _product(self, expr: Apply, scope: tuple[Index, ...]) -> Array | None:
        """The product rule, a bracket that is 0 being a strong zero."""
        total: Array | None = None
        for place, argument in enumerate(expr.arguments):
            moved = self.tangent(argument, scope)
            if moved is None:
                continue
            mask = np.ones((1,) * (len(scope) + 1), dtype=bool)
            for factor in expr.arguments[:place] + expr.arguments[place + 1 :]:
                if isinstance(factor, Bracket):
                    mask = mask & self.value(factor.condition, scope).astype(bool)
                else:
                    moved = moved * self.value(factor, scope)
            moved = np.where(mask, moved, 0.0)
            total = moved if total is None else total + moved
        return total

    def _apply(self, expr: Apply, scope: tuple[Index, ...]) -> Array | None:
        total: Array | None = None
        for place, argument in enumerate(expr.arguments):
            moved = self.tangent(argument, scope)
            if moved is None:
                continue
            if expr.function.name != "add":
                if not expr.function.derivatives or expr.function.derivatives[place] is None:
                    continue
                slope = self.value(self.derivative_of(expr.function, place, expr.arguments), scope)
                moved = moved * slope
            total = moved if total is None else total + moved
        return total

    def _reduce(self, expr: Reduce, scope: tuple[Index, ...]) -> Array | None:
        first = len(scope) + 1
        inside = (*scope, *expr.indices)
        body, axes = self.spread(expr, scope)
        outer = dict(self.ranges)
        self.ranges.update({i: (0, size) for i, size in zip(expr.indices, body.shape[first:], strict=True)})
        moved = self.tangent(expr.body, inside)
        self.ranges = outer
        if moved is None or expr.operation in ("any", "all"):
            return None
        moved = np.broadcast_to(moved, (*moved.shape[:first], *body.shape[first:]))
        if expr.operation == "sum":
            return np.asarray(moved.sum(axis=axes))
        if expr.operation == "prod":
            return _product_rule(body, moved, first)
        if 0 in body.shape:
            return None
        extremum = body.max(axis=axes, keepdims=True) if expr.operation == "max" else body.min(axis=axes, keepdims=True)
        ties = body == extremum
        return np.asarray((moved * ties).sum(axis=axes) / ties.sum(axis=axes))


def _product_rule(body: Array, moved: Array, first: int) -> Array:
    """Σ_k moved[k] · Π of the others, without dividing."""
    body, moved = np.broadcast_arrays(body, moved)
    flat = body.reshape(*body.shape[:first], prod(body.shape[first:]))
    moves = moved.reshape(flat.shape)
    total = np.zeros(flat.shape[:-1])
    for place in range(flat.shape[-1]):
        total = total + moves[..., place] * np.delete(flat, place, axis=-1).prod(axis=-1)
    return total

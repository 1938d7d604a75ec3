"""Losses that are one operation of tensors: what every training step computes costs one call."""

from __future__ import annotations

from typing import Any

from covector.frontend.arrays import Array
from covector.frontend.lazy import Trace
from covector.frontend.table import tensor_function
from covector.ir import Affine
from covector.ops import Operation
from covector.tensors.table import RECIPES, Recipe
from covector.tensors.tensor import Tensor, call

_CROSS_ENTROPY = Operation(
    name="cross_entropy_of_classes",
    arguments=("x", "target"),
    forms=(
        """
        logp[n, c] = x[n, c] - stop(max[k](x[n, k])) - log(sum[l](exp(x[n, l] - stop(max[k](x[n, k])))))
        cross_entropy_of_classes = (
            -sum[n](select(target[n] != ignore_index, logp[n, target[n]], 0)) / sum[n]([target[n] != ignore_index])
        )
        """,
    ),
    doc="The cross entropy of scores with the true classes, the mean over those that are not ignored.",
    family="losses",
    example="x: N C; target: N int64",
    parameters={"ignore_index": -100},
)
_cross_entropy = tensor_function(_CROSS_ENTROPY)


def _build(_: Trace, arrays: list[Array], __: list[Affine], params: dict[str, Any]) -> Array:
    found: Array = _cross_entropy(*arrays, **params)
    return found


RECIPES[_CROSS_ENTROPY.name] = Recipe(_build, _CROSS_ENTROPY.arguments)


def cross_entropy_of_classes(scores: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """The mean cross entropy of scores, ``(N, C)``, with classes, ``(N,)``, but for those that are ignored."""
    return call(_CROSS_ENTROPY.name, scores, target, params=(("ignore_index", ignore_index),))

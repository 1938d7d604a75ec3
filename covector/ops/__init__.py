"""The table of operations: scalar functions with their derivatives, and tensor operations by element form; data only.

Adding an operation is adding one record in one file here: the array namespace, the notation, the tests, the
documentation and the exports find it in `SCALARS` and `OPERATIONS`.
"""

from __future__ import annotations

from covector.ops.activations import ACTIVATIONS
from covector.ops.attention import ATTENTION
from covector.ops.convolution import CONVOLUTION
from covector.ops.elementwise import ELEMENTWISE
from covector.ops.indexing import INDEXING
from covector.ops.linear_algebra import LINEAR_ALGEBRA
from covector.ops.losses import LOSSES
from covector.ops.models import MODELS
from covector.ops.normalisation import NORMALISATION
from covector.ops.record import Operation
from covector.ops.scalar import SCALARS

__all__ = ["OPERATIONS", "SCALARS", "Operation"]

OPERATIONS: dict[str, Operation] = {}
for _family in (
    ELEMENTWISE,
    LINEAR_ALGEBRA,
    ACTIVATIONS,
    LOSSES,
    NORMALISATION,
    ATTENTION,
    INDEXING,
    CONVOLUTION,
    MODELS,
):
    for _operation in _family:
        if _operation.name in OPERATIONS:
            raise ValueError(f"two operations are called {_operation.name!r}")
        OPERATIONS[_operation.name] = _operation

"""Which code runs a product of two tensors: a kernel of our own, a BLAS library, or plain loops.

The limits are measured; ``python -m benchmarks.contractions`` measures them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from covector.codegen.contraction_integers import constant_of
from covector.codegen.contraction_spec import ONE, ContractionSpec
from covector.codegen.target import Target

Choice = Literal["own", "blas", "loops"]

FEW = 128
"""Up to this many multiplications a call costs more than it saves."""

WIDE_VECTORS = 64
"""With vectors of so many bytes own kernels use what OpenBLAS may not: 1.2 to 6 times its speed at all sizes."""

OWN: Mapping[tuple[str, bool], int | None] = {
    ("openblas", True): None,
    ("openblas", False): 1 << 17,
    ("mkl", True): 1 << 26,
    ("mkl", False): 1 << 15,
}
"""Up to how many multiplications own kernels run a product, by library and whether vectors are wide; None: always.

OpenBLAS was measured on a Zen 5, with 64 and with 32 bytes; MKL on an Intel processor, with kernels of the same kind.
"""


def choose(spec: ContractionSpec, blas: str | None, target: Target) -> Choice:
    """What runs a contraction fastest, where ``blas`` is "openblas", "mkl" or None.

    Only a product of two matrices can be left to BLAS; where its size is known in a call only, it is taken as large.
    """
    work = constant_of(spec.work)
    if work is not None and work <= FEW:
        return "loops"
    limit = OWN[blas, target.vector_bytes >= WIDE_VECTORS] if blas is not None else None
    if limit is None or not is_matrix_product(spec) or (work is not None and work <= limit):
        return "own"
    return "blas"


def is_matrix_product(spec: ContractionSpec) -> bool:
    """Whether BLAS can run it: matrices without bounds that are contiguous along one axis each."""
    group = spec.inner[-1]
    return (
        len(spec.inner) == 1
        and not spec.outer
        and not spec.left_bounds
        and not spec.right_bounds
        and ONE in (spec.rows.left, group.left)
        and ONE in (spec.columns.right, group.right)
        and spec.columns.target is ONE
    )

"""What the code is for: how wide vectors are, and which instructions there are."""

from __future__ import annotations

from dataclasses import dataclass

from covector.codegen.types import BYTES


@dataclass(frozen=True, slots=True)
class Target:
    """A processor as far as the text of the code depends on it.

    ``vector_bytes`` is the width of its registers; ``scales`` says whether it multiplies by powers of two in one
    instruction (AVX-512 has that), ``architecture`` how it is told to flush denormal numbers to zero.
    """

    vector_bytes: int = 16
    scales: bool = False
    architecture: str = ""

    def lanes(self, dtype: str) -> int:
        """The number of elements of a dtype that a register holds."""
        return max(self.vector_bytes // BYTES[dtype], 1)


PORTABLE = Target()
"""Code that every processor can run: vectors of 16 bytes."""

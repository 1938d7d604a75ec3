"""Contraction kernels: products of matrices, of batches of them and with vectors, convolutions and their adjoints.

    spec = specify(product)                          # None where there is no kernel
    choose(spec, "openblas", module.target)          # "own", "blas" or "loops"
    kernel = contraction_kernel(module, spec)  # adds the function kernel.name to the module

The function runs a range of the tiles that the work is cut into; threads may run disjoint ranges at the same time:

    define void @name(ptr left, ptr right, ptr target, ptr scratch, i64 begin, i64 end
                      [, T scale], i64 parameters …, arguments of the epilogue …)

``left``, ``right`` and ``target`` are the memory of the product's tensors, ``scratch`` has ``kernel.scratch`` bytes,
which each thread needs for itself, aligned to 64. ``kernel.tiles`` is the number of tiles, a form in the parameters
(it may hold `Floor`). The scale is there if the product has one; the parameters are ``spec.parameters`` in order. All
products that accumulate add to what the target holds; the others need not find zeros there.

There are several ways to run one. `PackedLoops` copies panels of the operands where that pays; `TapLoops` copies parts
of images once for all taps of a filter, and so does `FilterLoops` for sums over their pixels; `StretchLoops` lets
vectors run along the sum; `SymmetricLoops` computes half of the tiles. What they have in common is `Frame`; the inner
loops, such as `micro_kernel` and `dot_kernel`, and the packing functions are helpers of the module, which its kernels
share.
"""

from __future__ import annotations

from dataclasses import dataclass

from covector.codegen.contraction_blocking import choose_blocking
from covector.codegen.contraction_choice import choose
from covector.codegen.contraction_filters import FilterLoops, find_filters
from covector.codegen.contraction_frame import Epilogue, Frame, Place
from covector.codegen.contraction_packed import PackedLoops
from covector.codegen.contraction_spec import ContractionSpec, specify
from covector.codegen.contraction_stretches import StretchLoops, find_stretches, runs_along
from covector.codegen.contraction_symmetric import SymmetricLoops, is_worth_mirroring
from covector.codegen.contraction_taps import TapLoops, find_taps
from covector.codegen.module import Module
from covector.ir import Affine

__all__ = ["ContractionKernel", "ContractionSpec", "Epilogue", "Place", "choose", "contraction_kernel", "specify"]


STEM = "contraction"
"""How the name of every kernel begins."""


@dataclass(frozen=True, slots=True)
class ContractionKernel:
    """A function of the module, in how many tiles its work is cut, and the bytes that each thread needs.

    Where a tile is all rows of some columns, ``columns`` says of how many; it is 0 where it is anything else.
    """

    name: str
    spec: ContractionSpec
    tiles: Affine
    scratch: int
    columns: int = 0


def contraction_kernel(
    module: Module, spec: ContractionSpec, epilogue: Epilogue | None = None, *, by_columns: bool = False
) -> ContractionKernel:
    """Add the kernel of a contraction to a module, unless an equal one is there.

    One that is wanted ``by_columns`` is cut into columns where these are many enough for that.
    """
    written: list[Frame] = []

    def write() -> str:
        writer = _writer(module, STEM, spec, epilogue, by_columns)
        written.append(writer)
        return writer.write()

    name = module.distinct(STEM, write)
    (frame,) = written
    columns = frame.sharing.size if isinstance(frame, PackedLoops) and frame.is_by_columns else 0
    return ContractionKernel(name, spec, frame.tiles, frame.scratch, columns)


def _writer(module: Module, name: str, spec: ContractionSpec, epilogue: Epilogue | None, by_columns: bool) -> Frame:
    """What writes the loops that suit a contraction."""
    if is_worth_mirroring(spec, module.target):
        return SymmetricLoops(module, name, spec, epilogue)
    filters = find_filters(spec, module.target)
    if filters is not None:
        return FilterLoops(module, name, filters, epilogue)
    found = find_stretches(spec, module.target)
    if found is not None and runs_along(spec, found, module.target, finishes=epilogue is not None):
        return StretchLoops(module, name, found, epilogue)
    with_taps = find_taps(spec, module.target)
    if with_taps is not None:
        return TapLoops(module, name, with_taps, epilogue)
    return PackedLoops(module, name, spec, choose_blocking(spec, module.target, by_columns), epilogue)

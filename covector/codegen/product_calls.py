"""Calls of what computes a product: of a contraction kernel, or of a library of matrix products."""

from __future__ import annotations

from contextlib import ExitStack

from covector.codegen.builder import Builder, Value
from covector.codegen.contraction import ContractionKernel
from covector.codegen.expressions import Expressions
from covector.codegen.products import LibraryCall, Method
from covector.codegen.types import BYTES, REGISTER, constant
from covector.ir import Affine
from covector.schedule.plan import Product

Share = tuple[Value, Value]
"""The number of the thread, and the number of threads."""

GEMM = {"float32": "covector_sgemm", "float64": "covector_dgemm"}
"""The symbols of the library's matrix products, with 64-bit sizes and C's order of arguments."""

ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def call_product(expressions: Expressions, product: Product, method: Method, share: Share | None) -> None:
    """Compute a product, or the thread's share of it."""
    if isinstance(method, LibraryCall):
        _call_library(expressions, product, method, share)
    else:
        _call_kernel(expressions, product, method, share)


def part_of(build: Builder, count: Value, share: Share | None, unit: int = 1) -> tuple[Value, Value]:
    """Where the share of a thread in so many things begins and ends, in multiples of a unit."""
    if share is None:
        return build.constant(0, "int64"), count
    units = build.binary("udiv", count + (unit - 1), build.constant(unit, "int64"))
    ends = (build.binary("udiv", units * number, share[1]) * unit for number in (share[0], share[0] + 1))
    begin, end = ((at < count).where(at, count) for at in ends)
    return begin, end


def _pointers(expressions: Expressions, product: Product, swapped: bool) -> tuple[str, str, str]:
    pointer = expressions.memory.pointer
    left, right = pointer(product.left.tensor), pointer(product.right.tensor)
    return (*((right, left) if swapped else (left, right)), pointer(product.target))


def _call_kernel(expressions: Expressions, product: Product, kernel: ContractionKernel, share: Share | None) -> None:
    build, spec = expressions.builder, kernel.spec
    begin, end = part_of(build, expressions.integer(kernel.tiles), share)
    pointers = (*_pointers(expressions, product, swapped=False), expressions.memory.scratch())
    arguments = [*(f"ptr {pointer}" for pointer in pointers), str(begin), str(end)]
    if product.scale is not None:
        arguments.append(str(expressions.value_as(product.scale, spec.dtype)))
    arguments += [str(expressions.atom(parameter)) for parameter in spec.parameters]
    build.module.call(kernel.name)
    build.emit(f"call void @{kernel.name}({', '.join(arguments)})")


def columns_of(expressions: Expressions, kernel: ContractionKernel, share: Share | None) -> tuple[Value, Value]:
    """Where the columns of the thread's share of a product begin and end."""
    begin, end = part_of(expressions.builder, expressions.integer(kernel.tiles), share)
    columns = expressions.integer(kernel.spec.columns.extent)
    last = end * kernel.columns
    return begin * kernel.columns, (last < columns).where(last, columns)


def _call_library(expressions: Expressions, product: Product, call: LibraryCall, share: Share | None) -> None:
    build, spec = expressions.builder, call.spec
    rows, columns, inner = (expressions.integer(g.extent) for g in (spec.rows, spec.columns, spec.inner[0]))
    first, end = part_of(build, rows, share, 8)
    offsets = [expressions.integer(form) for form in (spec.left, spec.right, spec.target)]
    starts = (first * expressions.integer(spec.rows.left), None, first * expressions.integer(spec.rows.target))
    offsets = [offset if start is None else offset + start for offset, start in zip(offsets, starts, strict=True)]
    one = constant(1, spec.dtype)
    factor = one if product.scale is None else expressions.value_as(product.scale, spec.dtype).text
    with ExitStack() as stack:
        stack.enter_context(build.when((end > first) & (columns > 0)))
        for group in spec.outer:
            extent = expressions.integer(group.extent)
            stack.enter_context(build.when(extent > 0))
            number = stack.enter_context(build.loop(build.constant(0, "int64"), extent))
            steps = (group.left, group.right, group.target)
            offsets = [o + number * expressions.integer(step) for o, step in zip(offsets, steps, strict=True)]
        pointers = _pointers(expressions, product, spec.swapped)
        left, right, target = (
            build.pointer(f"getelementptr i8, ptr {pointer}, {offset * BYTES[spec.dtype]}")
            for pointer, offset in zip(pointers, offsets, strict=True)
        )
        size, kind = end - first, REGISTER[spec.dtype]
        left_step = _leading(expressions, call.left_step, rows if call.left_transposed else inner)
        right_step = _leading(expressions, call.right_step, inner if call.right_transposed else columns)
        target_step = _leading(expressions, spec.rows.target, columns)
        orders = [ROW_MAJOR, *(TRANSPOSED if t else PLAIN for t in (call.left_transposed, call.right_transposed))]
        arguments = [
            *(f"i32 {order}" for order in orders),
            *(str(value) for value in (size, columns, inner)),
            f"{kind} {factor}",
            *(f"ptr {left}", str(left_step), f"ptr {right}", str(right_step)),
            f"{kind} {one if spec.accumulate else constant(0, spec.dtype)}",
            *(f"ptr {target}", str(target_step)),
        ]
        build.emit(f"call void @{GEMM[spec.dtype]}({', '.join(arguments)})")
    kinds = ", ".join(argument.split(" ")[0] for argument in arguments)
    build.module.external(GEMM[spec.dtype], f"declare void @{GEMM[spec.dtype]}({kinds})")


def _leading(expressions: Expressions, step: Affine, least: Value) -> Value:
    """The elements from row to row; at least the length of one, as the library wants it even of a single row."""
    found = expressions.integer(step)
    at_least = (least > 1).where(least, 1)
    return (found > at_least).where(found, at_least)

"""`explain`: what computes a tensor or runs a traced function: its program, kernels, library calls, bytes, time."""

from __future__ import annotations

from dataclasses import dataclass

from covector.errors import CovectorError
from covector.native.explain import ExplainedKernel
from covector.run.extents import evaluate_extent
from covector.tensors import flush, programs
from covector.tensors.jit import Jitted
from covector.tensors.launch import Launch
from covector.tensors.tensor import Tensor

_METHODS = {"loops": "loops", "kernel": "own product", "library": "BLAS"}
_OPERATIONS_PER_BYTE = 8
"""What a processor computes in the time in which it moves a byte, about; for the share of a kernel in the time."""


@dataclass(frozen=True)
class Row:
    """A kernel: what it computes, how, its operations, the bytes that it touches, and about its share of the time."""

    name: str
    statements: tuple[str, ...]
    method: str
    operations: int
    bytes: int
    share: float
    parallel: bool


@dataclass(frozen=True)
class Report:
    """What one program does; ``seconds`` is how long its last run took, ``interpreted`` why it is no machine code."""

    title: str
    statements: tuple[str, ...]
    inputs: int
    outputs: int
    in_place: int
    rows: tuple[Row, ...]
    arena: int
    seconds: float
    extents: dict[str, int]
    interpreted: str

    def __str__(self) -> str:
        head = f"{self.title}: {len(self.statements)} statements, {self.inputs} inputs, {self.outputs} outputs"
        lines = [head + (f", {self.in_place} of them in place" if self.in_place else "")]
        if self.extents:
            lines.append("  extents of this call: " + ", ".join(f"{k} = {v}" for k, v in self.extents.items()))
        lines += [f"  {statement}" for statement in self.statements]
        if self.interpreted:
            lines.append(f"run by the reference interpreter: {self.interpreted}")
        if self.rows:
            lines += ["kernels", *_table(self.rows)]
        total = sum(row.operations for row in self.rows), sum(row.bytes for row in self.rows)
        lines.append(
            f"{_count(total[0])} operations, {_size(total[1])} touched, {_size(self.arena)} between kernels; "
            f"the last run took {self.seconds * 1e6:.1f} µs"
        )
        return "\n".join(lines)


def _table(rows: tuple[Row, ...]) -> list[str]:
    """The kernels as a table of text."""
    cells = [("", "computes", "by", "operations", "bytes", "time")]
    for number, row in enumerate(rows, 1):
        computes = ", ".join(row.statements[:3]) + (", …" if len(row.statements) > 3 else "")
        how = row.method + (", threads" if row.parallel else "")
        cells.append((str(number), computes, how, _count(row.operations), _size(row.bytes), f"{row.share:.0%}"))
    widths = [max(len(line[column]) for line in cells) for column in range(6)]
    return [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    ]


def _count(number: int) -> str:
    for factor, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= factor:
            return f"{number / factor:.3g}{letter}"
    return str(number)


def _size(number: int) -> str:
    return f"{_count(number)}B"


def explain(what: Tensor | Jitted) -> None:
    """Print what computes a tensor, which is computed for it where it is pending, or what a traced function runs.

    Shown are the program, its kernels with the library calls among them, operations, bytes, about where the time goes,
    and how many programs this process has compiled. Raises `CovectorError` where nothing was computed.

    >>> import covector as cv
    >>> cv.explain(cv.ones(3) * 2)
    float32[3]: 1 statements, 2 inputs, 1 outputs
    ...
    """
    for found in reports(what):
        print(found)
    if isinstance(what, Jitted):
        print(f"calls like the one before are made by {what.made_by}")
    print(f"programs compiled in this process: {programs.compiled_count}")


def reports(what: Tensor | Jitted) -> list[Report]:
    """What `explain` prints, as data: one report for each program."""
    if isinstance(what, Tensor):
        flush.force(what._node)
        launch = getattr(what._node, "launch", None)
        if launch is None:
            hint = "it was made from numbers; operations on it make programs"
            raise CovectorError("nothing was computed for this tensor", hint=hint)
        return [report(repr(what._node.kind), launch)]
    if not isinstance(what, Jitted):
        raise CovectorError(f"explain takes a tensor or a function that jit made, not {type(what).__name__}")
    ready = [traced.launch for traces in what.traces.values() for traced in traces if traced.launch is not None]
    if not ready:
        raise CovectorError(f"{what.name} was not called yet, and has no program", hint="call it first")
    return [report(what.name, launch) for launch in ready]


def report(title: str, launch: Launch) -> Report:
    """What the program of a launch does."""
    executable, linked = launch.compiled.executable, launch.compiled.linked
    explained = executable.explain()
    extents = launch.extents
    costs = [_cost(kernel, extents) for kernel in explained.kernels]
    rows = tuple(
        Row(
            kernel.name,
            kernel.statements,
            ", ".join(_METHODS.get(method, method) for method in kernel.methods),
            evaluate_extent(kernel.operations, extents),
            evaluate_extent(kernel.bytes, extents),
            cost / (sum(costs) or 1),
            kernel.parallel,
        )
        for kernel, cost in zip(explained.kernels, costs, strict=True)
    )
    return Report(
        title,
        tuple(map(repr, linked.program.statements)),
        len(linked.program.inputs),
        len(linked.program.outputs),
        len(linked.in_place),
        rows,
        evaluate_extent(explained.arena, extents),
        launch.seconds,
        dict(extents),
        explained.interpreted,
    )


def _cost(kernel: ExplainedKernel, extents: dict[str, int]) -> float:
    """About the time of a kernel, in an arbitrary unit: what it computes or what it moves, whichever takes longer."""
    operations, moved = evaluate_extent(kernel.operations, extents), evaluate_extent(kernel.bytes, extents)
    return max(operations / _OPERATIONS_PER_BYTE, moved, 1)

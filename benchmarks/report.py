"""Results in words: a block of text for each row as it is done, tables in Markdown, plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from benchmarks.limits import Limits
from benchmarks.record import OURS, PEERS, Bar, Measured, Result, Verdict

FAMILIES = {
    "step": "Training steps",
    "elementwise": "Element-wise and row-wise work",
    "conv2d": "Convolution",
    "hessian": "Hessians",
    "newton": "Newton's method",
    "operation": "One operation, define-by-run",
    "import": "Starting",
    "first": "First calls",
    "memory": "Memory",
    "parse": "Parsing",
    "derive": "Deriving",
    "growth": "Growth",
    "contraction": "Contractions",
}
VERDICTS = {True: "met", False: "missed", None: "not measured"}


def shown(figure: float, unit: str) -> str:
    """A figure with three digits.

    >>> shown(0.01234, "s"), shown(2.5, "s"), shown(1.5e-7, "s"), shown(3.2e6, "B")
    ('12.3 ms', '2.5 s', '150 ns', '3.2 MB')
    """
    scales = {"s": ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")), "B": ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))}
    scale, name = next((pair for pair in scales[unit] if abs(figure) >= pair[0]), scales[unit][-1])
    digits = f"{figure / scale:.3g}"
    return f"{float(digits):.0f} {name}" if "e" in digits else f"{digits} {name}"


def block(result: Result, blas: str) -> str:
    """A row, a line for each contender, then its bars.

    >>> from benchmarks.record import Row
    >>> row = Row("step-a", "a step", {}, (Bar("covector jit", 1.5),))
    >>> figures = {"covector jit": Measured((1e-3,)), "NumPy": Measured((2e-3,))}
    >>> print(block(Result(row, figures, {"JAX": "not installed"}, {}, limit=5e-4), "own"))
    step-a · a step
      covector jit       1 ms  (1 ms – 1 ms)            50% of the limit   2.00 × the best peer
      NumPy              2 ms  (2 ms – 2 ms)            25% of the limit
      limit            500 µs
      JAX           not installed
      bar           1.5 × the best peer: 2.00 × NumPy, met
    """
    width = max((len(name) for name in (*result.measured, *result.missing, *result.wrong, "limit")), default=5) + 1
    lines = [f"{result.row.name} · {result.row.title}"]
    for name, found in result.measured.items():
        spread = " – ".join(shown(edge, result.row.unit) for edge in found.quartiles)
        line = f"  {name:{width}} {shown(found.median, result.row.unit):>9}  ({spread})"
        notes = [_of_limit(result, found), _of_best(result, name)]
        lines.append(f"{line:{width + 38}}" + "   ".join(note for note in notes if note))
    if result.limit is not None:
        lines.append(f"  {'limit':{width}} {shown(result.limit, result.row.unit):>9}")
    lines += [f"  {name:{width}} {reason}" for name, reason in result.missing.items()]
    lines += [f"  {name:{width}} FAILED: {reason}" for name, reason in result.wrong.items()]
    lines += [f"  {'bar':{width}} {told(result.verdict(bar), result.row.unit)}" for bar in applying(result, blas)]
    return "\n".join(line.rstrip() for line in lines)


def _of_limit(result: Result, found: Measured) -> str:
    return "" if result.limit is None else f"{result.limit / found.median:4.0%} of the limit"


def _of_best(result: Result, name: str) -> str:
    ratio = result.ratio(name) if name in OURS and result.row.unit == "s" else None
    return "" if ratio is None else f"{ratio:.2f} × the best peer"


def applying(result: Result, blas: str) -> Iterator[Bar]:
    """The bars of a row that hold with what products go through: those for MKL, or those for everything else."""
    yield from (bar for bar in result.row.bars if bar.mkl is None or bar.mkl == (blas == "mkl"))


def told(verdict: Verdict, unit: str) -> str:
    """A bar, what was found, and whether that is enough."""
    found = _found(verdict, unit)
    return f"{asked(verdict.bar, unit)}: {found}{', ' if found else ''}{VERDICTS[verdict.met]}"


def asked(bar: Bar, unit: str) -> str:
    """A bar in words.

    >>> asked(Bar("covector", 2.0, ("PyTorch",)), "s"), asked(Bar("covector", under=0.15), "s")
    ('covector: 2 × PyTorch', 'covector: under 150 ms')
    """
    subject = "" if bar.subject == OURS[0] else f"{bar.subject}: "
    if bar.under is not None:
        return f"{subject}under {shown(bar.under, unit)}"
    rivals = "the best peer" if bar.against == PEERS else " and ".join(bar.against)
    if len(bar.against) > 1 and bar.against != PEERS:
        rivals = f"the best of {rivals}"
    library = {None: "", True: " with MKL", False: " without MKL"}[bar.mkl]
    return f"{subject}{bar.factor:g} × {rivals}{library}"


def _found(verdict: Verdict, unit: str) -> str:
    if verdict.found is None:
        return ""
    return shown(verdict.found, unit) if verdict.bar.under is not None else f"{verdict.found:.2f} × {verdict.rival}"


def markdown(results: Sequence[Result], setting: str, limits: Limits | None, blas: str) -> str:
    """Everything as tables: the bars first, then each family."""
    parts = [f"Measured with {setting}."]
    if limits is not None:
        widths = ", ".join(f"{found / 1e9:.0f} at {_size(size)}" for size, found in sorted(limits.bandwidth.items()))
        parts.append(
            f"Limits measured in the same run: products {limits.peak / 1e9:.0f} GFLOP/s; bandwidth in GB/s by the size "
            f"of what is worked on: {widths}."
        )
    bars = [(result, bar) for result in results for bar in applying(result, blas)]
    if bars:
        lines = ["| work | bar | found | |", "|---|---|---|---|"]
        for result, bar in bars:
            verdict = result.verdict(bar)
            asks, unit = asked(bar, result.row.unit), result.row.unit
            lines.append(f"| {result.row.title} | {asks} | {_found(verdict, unit)} | {VERDICTS[verdict.met]} |")
        parts.append("## Bars\n\n" + "\n".join(lines))
    for family, group in groupby(results, key=lambda result: result.row.family):
        parts.append(f"## {FAMILIES.get(family, family)}\n\n{_table(list(group))}")
    return "\n\n".join(parts) + "\n"


def _size(count: int) -> str:
    return f"{count / 2**20:g} MiB"


def _table(results: Sequence[Result]) -> str:
    """One line for each row, one column for each contender; the middle half of the rounds in parentheses."""
    names = list(dict.fromkeys(name for result in results for name in result.row.contenders))
    limited = any(result.limit is not None for result in results)
    heads = ["", *names, *(["limit"] if limited else []), "to the best peer", *(["of the limit"] if limited else [])]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for result in results:
        cells = [result.row.title, *(_cell(result, name) for name in names)]
        ours = next((name for name in OURS if name in result.measured), None)
        ratio = None if ours is None or result.row.unit != "s" else result.ratio(ours)
        best = "" if ratio is None else f"{ratio:.2f} ×"
        cells += [*([_limit(result)] if limited else []), best]
        if limited:
            cells.append(_of_limit(result, result.measured[ours]).removesuffix(" of the limit") if ours else "")
        lines.append(f"| {' | '.join(cell.strip() for cell in cells)} |")
    return "\n".join(lines)


def _limit(result: Result) -> str:
    return "" if result.limit is None else shown(result.limit, result.row.unit)


def _cell(result: Result, name: str) -> str:
    if name in result.measured:
        found = result.measured[name]
        edges = [shown(edge, result.row.unit) for edge in found.quartiles]
        return f"{shown(found.median, result.row.unit)} ({edges[0]} – {edges[1]})"
    if name in result.wrong:
        return "failed"
    return "–" if name in result.missing else ""


def data(results: Sequence[Result], setting: str, limits: Limits | None, extra: Mapping[str, Any]) -> dict[str, Any]:
    """Every figure as plain data."""
    return {
        "setting": setting,
        **extra,
        "limits": None if limits is None else limits.data(),
        "rows": [result.data() for result in results],
    }

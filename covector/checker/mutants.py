"""How good is the check? It must catch every mutant of every true backward, but for those that are no mistakes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from covector.calculus.build import LE, LT
from covector.calculus.rules import proved_equal
from covector.checker.frameworks import NUMPY, Framework
from covector.checker.functions import prepare
from covector.checker.functions_compare import Point
from covector.checker.functions_examine import Examination, Options, Subject
from covector.checker.mutants_make import Mutant, mutants_of
from covector.checker.probes import Probe
from covector.derivation.derivation import Derivation, derive
from covector.errors import CovectorError
from covector.ir import Affine, Apply, Input, Program, transform
from covector.ops import OPERATIONS, Operation
from covector.run.reference import evaluate

Array = NDArray[Any]

OPTIONS = Options(dtypes=("float64",), layouts=("contiguous",), first_only=True)

FURTHER = 12
"""Points beside those of the check at which a survivor is compared with the original."""

SAME = 1e-12


@dataclass(frozen=True)
class Survivor:
    """A mutant that the check lets pass; ``why`` says that it is no mistake, or is empty where the check failed."""

    subject: str
    name: str
    description: str
    why: str


@dataclass
class MutationReport:
    """What became of the mutants: how many there were of each kind, how many were caught, and the survivors."""

    subjects: list[str] = field(default_factory=list)
    made: Counter[str] = field(default_factory=Counter)
    caught: Counter[str] = field(default_factory=Counter)
    survivors: list[Survivor] = field(default_factory=list)
    truths_accused: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many mutants there were."""
        return sum(self.made.values())

    @property
    def missed(self) -> list[Survivor]:
        """The survivors that are mistakes."""
        return [survivor for survivor in self.survivors if not survivor.why]

    @property
    def rate(self) -> float:
        """The part of the mutants that are mistakes which was caught."""
        mistakes = sum(self.caught.values()) + len(self.missed)
        return sum(self.caught.values()) / mistakes if mistakes else 1.0

    def json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "subjects": self.subjects,
            "mutants": self.total,
            "caught": sum(self.caught.values()),
            "rate": self.rate,
            "kinds": {name: {"made": self.made[name], "caught": self.caught[name]} for name in sorted(self.made)},
            "survivors": [vars(survivor) for survivor in self.survivors],
            "accused": self.truths_accused,
        }

    def __str__(self) -> str:
        lines = [f"{'kind':<42} {'made':>6} {'caught':>7}"]
        lines += [f"{name:<42} {self.made[name]:>6} {self.caught[name]:>7}" for name in sorted(self.made)]
        equivalent = len(self.survivors) - len(self.missed)
        backwards = "1 backward" if len(self.subjects) == 1 else f"{len(self.subjects)} backwards"
        lines.append(
            f"{backwards}, {self.total} mutants, {sum(self.caught.values())} caught,"
            f" {equivalent} no mistakes, {len(self.missed)} missed: {100 * self.rate:.2f}% of the mistakes"
        )
        lines += [f"  {s.subject}: {s.name}: {s.description}: {s.why or 'MISSED'}" for s in self.survivors]
        return "\n".join(lines)


@dataclass
class ProgramClaim:
    """A backward that is a program of the IR."""

    program: Program
    outputs: Mapping[str, str]
    seed: str | None
    none_is_zero: bool = True
    reading: str = ""

    @property
    def framework(self) -> Framework:
        """NumPy."""
        return NUMPY

    def gradients(
        self, arrays: Mapping[str, Any], cotangents: Sequence[Any], plain: Any, sizes: Mapping[str, int]
    ) -> dict[str, Any]:
        """What the program computes; a gradient that it does not compute is None."""
        given = {**arrays, **({self.seed: cotangents[0]} if self.seed else {})}
        values = evaluate(self.program, given, sizes)
        scale = 1.0 if self.seed else float(cotangents[0])
        names = [tensor.name for tensor in self.program.inputs if tensor.name != self.seed]
        return {n: scale * values[self.outputs[n]] if n in self.outputs else None for n in names}

    def values(self, arrays: Mapping[str, Any]) -> list[Any] | None:
        """Nothing: a backward has no forward."""
        return None


def mutation_report(
    subjects: Mapping[str, str | Program | Derivation] | Iterable[str] | None = None, every: int = 1
) -> MutationReport:
    """Make mutants of true backwards and see which the check catches.

    ``subjects`` are forwards by name, or names of operations of the table (default: all of them); of their mutants one
    in ``every`` is tried. A survivor is explained where it is proved equal to the original or gives the same numbers
    at many shapes.

    >>> report = mutation_report({"square": "y[i] = x[i]**2"})
    >>> report.rate, report.missed
    (1.0, [])
    """
    report = MutationReport()
    for name, derivation in _derivations(subjects):
        report.subjects.append(name)
        _try(name, derivation, report, every)
    return report


def _derivations(subjects: Any) -> Iterator[tuple[str, Derivation]]:
    if isinstance(subjects, Mapping):
        for name, source in subjects.items():
            yield name, source if isinstance(source, Derivation) else derive(source)
        return
    for name in OPERATIONS if subjects is None else subjects:
        found = operation_derivation(OPERATIONS[name])
        if found is not None:
            yield name, found


def operation_derivation(operation: Operation) -> Derivation | None:
    """The derivation of an operation of the table for its example; None where nothing is to be differentiated.

    >>> operation_derivation(OPERATIONS["softmax"])
    <Derivation of out with respect to x>
    """
    parameters = {**operation.parameters, **operation.sample}
    given = [n for n in operation.arguments if re.search(rf"(^|; ){n}:", operation.example)]
    call = ", ".join([*given, *(f"{name}={value}" for name, value in parameters.items())])
    try:
        return derive(f"{operation.example}; out = {operation.name}({call})")
    except CovectorError as error:
        if "float" in str(error):
            return None
        raise


def _try(name: str, derivation: Derivation, report: MutationReport, every: int) -> None:
    record = derivation.record
    outputs = {n: g.statement.name for n, g in record.gradients.items() if g.statement is not None}
    seed = record.seed.name if record.seed is not None else None
    subject, _ = prepare(lambda: None, derivation, None, None, "*inputs, grad_output", "numpy")
    examination = Examination(subject, OPTIONS, ("contiguous",))
    further = Further(subject, OPTIONS, ("contiguous",))
    true = ProgramClaim(record.gradient_program, outputs, seed)
    found = examination.run(true)
    if not found.outcomes:
        raise CovectorError(f"{name}: its backward cannot be tried: {next(iter(found.refused), 'no points')}")
    if found.failed:
        report.truths_accused.append(name)
    for number, mutant in enumerate(mutants_of(record.gradient_program, outputs, record.program)):
        if number % every:
            continue
        report.made[mutant.name] += 1
        found = examination.run(ProgramClaim(mutant.program, outputs, seed))
        if found.failed:
            report.caught[mutant.name] += 1
        else:
            why = _explained(mutant, further, derivation)
            report.survivors.append(Survivor(name, mutant.name, mutant.description, why))


class Further(Examination):
    """The same subject at points that the check does not look at."""

    def __init__(self, subject: Subject, options: Options, layouts: Sequence[str]) -> None:
        super().__init__(subject, options, layouts)
        rng = np.random.default_rng(11)
        names = subject.inputs.symbols(0)
        rows = [{name: int(rng.integers(1, 8)) for name in names} for _ in range(FURTHER)]
        self.probes += [Probe(row, seed=7001 + number) for number, row in enumerate(rows)]

    def points(self) -> Iterator[Point]:
        """Every point that there is."""
        found = (self.point(number) for number in range(len(self.probes)))
        return (point for point in found if not isinstance(point, str))


def _explained(mutant: Mutant, further: Further, derivation: Derivation) -> str:
    """Why a surviving mutant is no mistake; empty where it is one."""
    if _is_proved(mutant):
        return "proved equal to the original"
    if _at_ties_only(mutant):
        return "differs only where two numbers are exactly equal: at a kink or a tie, which no point meets"
    record = derivation.record
    points = list(further.points())
    try:
        errors = [_difference(mutant, point, record.gradient_program, record.seed) for point in points]
    except CovectorError:
        return ""
    if max(errors, default=np.inf) <= SAME:
        return f"the same numbers at {len(points)} points, to {max(errors):.0e}"
    return ""


def _at_ties_only(mutant: Mutant) -> bool:
    """Whether the only difference is < for ≤ between numbers that are no indices."""

    def strict(node: object) -> object:
        if isinstance(node, Apply) and node.function is LE and not any(isinstance(a, Affine) for a in node.arguments):
            return Apply(LT, node.arguments)
        return node

    one, other = (transform(side.body, strict) for side in (mutant.original, mutant.changed))
    return one is other and mutant.original.body is not mutant.changed.body


def _is_proved(mutant: Mutant) -> bool:
    try:
        return proved_equal(mutant.original.body, mutant.changed.body)
    except (CovectorError, RecursionError):
        return False


def _difference(mutant: Mutant, point: Point, true: Program, seed: Input | None) -> float:
    """The largest relative difference of any gradient at a point."""
    given = {**point.arrays, **({seed.name: point.cotangents[0]} if seed is not None else {})}
    sizes = point.probe.sizes
    one, other = evaluate(true, given, sizes), evaluate(mutant.program, given, sizes)
    worst = 0.0
    for name in mutant.outputs.values():
        scale = float(np.abs(one[name]).max(initial=0.0)) or 1.0
        worst = max(worst, float(np.abs(one[name] - other[name]).max(initial=0.0)) / scale)
    return worst

"""`check`: is this formula right, and if it is not, why?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from covector.checker.causes import find_cause
from covector.checker.claims import Claim, parse_claim
from covector.checker.compare import Finding, decide
from covector.checker.reading import AxesError, Reading, read_claim
from covector.checker.search import counterexample
from covector.checker.shorthand import as_shorthand, transposed_shorthand
from covector.checker.show import point_sentence, size_sentence
from covector.checker.suggest import right_statement, suggestion
from covector.checker.truth import Forward
from covector.checker.verdict import Cause, Counterexample, Evidence, Verdict
from covector.errors import CovectorError, NotationError, UnknownNameError, nearest
from covector.frontend import read_program, trace
from covector.ir import Program
from covector.notation.element import Scope, declare
from covector.notation.parse import parse_shape
from covector.notation.print import shape_text

Shape = str | Iterable[int | str]
Source = str | Program | Callable[..., Any]


def check(
    claim: str,
    *,
    of: Source | Forward | None = None,
    shapes: Mapping[str, Shape] | None = None,
    where: str | None = None,
    cotangent: str | None = None,
    **shape_of: Shape,
) -> Verdict:
    """Whether a formula about a forward is right.

    ``claim`` is a gradient (``dweight = G.T @ input``), an entry of a Jacobian (``∂y[p]/∂x[i] = δ(p,i) * y[p]``), a
    value (``y[i] = exp(x[i])``) or an equality of two expressions, in element form or matrix form. ``of`` is the
    forward: a program as text, a `Program`, or a Python function of arrays; an equality needs none. Shapes are
    given as for `derive`, by ``shapes`` or as keywords. ``where`` is a condition under which the claim is made,
    ``cotangent`` what it calls the output's cotangent.

    What is wrong with the claim is in the verdict; what is wrong with ``of`` or the shapes is raised, as by `derive`.

    >>> print(check("dx[i] = x[i] * G[i]", of="y[i] = x[i]**2"))
    wrong: dx[i] = x[i] * G[i]
      cause       factor 1/2: the claim is 1/2 times what is true
      right       dx[i] = 2 * G[i] * x[i]
      at          I = 1: G = [1], x = [1]
                  dx[0] is 2, and the claim gives 1
    """
    given = {**(shapes or {}), **shape_of}
    if isinstance(of, Forward):
        return check_formula(claim, of, where=where)
    if of is None:
        return check_formula(claim, None, scope=declared(given), where=where)
    return check_formula(claim, Forward(program_of_source(of, given), cotangent), where=where)


def check_formula(
    claim: str, forward: Forward | None, *, scope: Scope | None = None, where: str | None = None
) -> Verdict:
    """`check` for a forward that is read already and serves several claims; ``scope`` is for claims without one."""
    try:
        claims = parse_claim(claim, where)
    except CovectorError as error:
        return not_understood(claim, error)
    return check_claims(claim, claims, forward, scope)


def check_claims(claim: str, claims: Iterable[Claim], forward: Forward | None, scope: Scope | None = None) -> Verdict:
    """The verdict on claims that are parsed already, taken together: the first that is not right, or that all are."""
    verdicts: list[Verdict] = []
    for one in claims:
        for case in one.cases:
            try:
                reading = read_claim(one, case, forward, scope)
                verdicts.append(judged(claim, reading, forward))
            except AxesError as error:
                cause = Cause("wrong number of axes", error.message)
                return Verdict("wrong", claim, error.message, cause=cause, column=error.column)
            except CovectorError as error:
                return not_understood(claim, error)
            except RecursionError:
                return not_understood(claim, CovectorError("the claim is nested too deeply"))
            if not verdicts[-1]:
                return verdicts[-1]
    weakest = next((verdict for verdict in verdicts if verdict.verdict == "agrees"), verdicts[-1])
    return replace(weakest, evidence=_together(verdicts))


def judged(claim: str, reading: Reading, forward: Forward | None) -> Verdict:
    """The verdict on a claim that has been read."""
    said = _said(reading, forward)
    if forward is not None and (short := as_shorthand(reading, forward)) is not None:
        finding, rule = short
        note = f"shorthand for the rule {rule}; the generalised Jacobian itself has the axes of both"
        return _right(claim, finding, f"{said}; {note}" if said else note)
    if reading.claimed is None:
        return _wrong(claim, reading, forward, Finding("wrong", shapes_differ=True), said)
    earlier = forward.program.statements if forward is not None else ()
    finding = decide(reading.claimed, reading.true, earlier)
    if finding.answer == "wrong":
        return _wrong(claim, reading, forward, finding, said)
    return _right(claim, finding, said)


def _right(claim: str, finding: Finding, said: str) -> Verdict:
    evidence = finding.evidence
    at = f"{len(evidence.shapes)} shapes and {evidence.points} points"
    if len(evidence.shapes) == 1:
        at = f"{evidence.points} points"
    if finding.answer == "proved":
        return Verdict("proved", claim, "equal by the rules of the calculus", said, evidence=evidence)
    message = f"equal at {at}, with a largest relative error of {evidence.error or 0:.0e}; not proved"
    return Verdict("agrees", claim, message, said, evidence=evidence)


def _wrong(claim: str, reading: Reading, forward: Forward | None, finding: Finding, said: str) -> Verdict:
    found = finding.counterexample
    if not finding.shapes_differ:
        assert reading.claimed is not None
        found = counterexample(reading.claimed, reading.true)
    cause, right = _cause(reading, forward), suggestion(reading, forward)
    if forward is not None and (turned := transposed_shorthand(reading, forward)) is not None:
        left = reading.source[reading.left.span.start : reading.left.span.end].strip()
        cause, right = Cause("transposed", f"as shorthand it needs {turned}"), f"{left} = {turned}"
    return Verdict(
        "wrong",
        claim,
        _failure(reading, found, finding),
        said,
        cause=cause,
        suggestion=right,
        counterexample=found,
        evidence=finding.evidence,
        column=_column(reading),
    )


def _cause(reading: Reading, forward: Forward | None) -> Cause:
    right = right_statement(reading, forward) if reading.kind == "gradient" and reading.condition is None else None
    return find_cause(reading, forward, (right,) if right is not None else ())


def _failure(reading: Reading, found: Counterexample | None, finding: Finding) -> str:
    """One sentence on what is wrong."""
    if reading.misfit is not None:
        return reading.misfit.message
    name = _left_name(reading)
    if found is None:
        return f"differs from what is true at random points, by {finding.evidence.error or 0:.0e} of its size"
    if finding.shapes_differ:
        return size_sentence(found)
    return point_sentence(found, name)


def _left_name(reading: Reading) -> str:
    left = reading.source[reading.left.span.start : reading.left.span.end].strip()
    return left.partition("[")[0] if reading.kind in ("gradient", "value") else left


def _column(reading: Reading) -> int | None:
    if reading.misfit is None:
        return None
    return reading.misfit.column


def _said(reading: Reading, forward: Forward | None) -> str:
    """How the claim was read, where its word for the cotangent says nothing of what it is the cotangent of."""
    if reading.filled:
        return f"the number on the right is read as an array of the shape {shape_text(reading.true.shape, 'unicode')}"
    if forward is None or reading.seed_named is None or reading.seed_named in ("G", *forward.own):
        return ""
    output = forward.program.output.name
    if output in reading.seed_named:
        return ""
    return f"{reading.seed_named} is read as ∂L/∂{output}"


def not_understood(claim: str, error: CovectorError) -> Verdict:
    """The verdict on a claim that cannot be read."""
    message = error.message + (f" ({error.hint})" if error.hint else "")
    return Verdict("not understood", claim, message, column=error.column)


def _together(verdicts: list[Verdict]) -> Evidence:
    every = [verdict.evidence for verdict in verdicts]
    shapes = {tuple(shape.items()): shape for evidence in every for shape in evidence.shapes}
    errors = [evidence.error for evidence in every if evidence.error is not None]
    skipped = tuple(dict.fromkeys(reason for evidence in every for reason in evidence.skipped))
    return Evidence(tuple(shapes.values()), sum(e.points for e in every), max(errors, default=None), skipped)


def program_of_source(of: Source, shapes: Mapping[str, Any]) -> Program:
    """The program that a forward is, in whatever form it is given."""
    if isinstance(of, Program):
        return of
    if isinstance(of, str):
        return read_program(of, shapes)
    if callable(of):
        return trace(of, shapes)
    raise NotationError(
        f"of takes a program as text, a Program or a Python function, not {type(of).__name__}",
        hint='check("dx = 2 * x * G", of="y = x ** 2", x="N")',
    )


def declared(shapes: Mapping[str, Shape]) -> Scope:
    """The scope of an equality without a forward: the inputs whose shapes are given."""
    scope = Scope()
    for name, shape in shapes.items():
        if not name.isidentifier():
            close = nearest(name, shapes)
            raise UnknownNameError(f"'{name}' is no name", hint=f"did you mean '{close}'?" if close else None)
        parts = shape if isinstance(shape, str) else " ".join(f"({part})" for part in shape)
        line = f"{name}: {parts if str(parts).strip() else '()'}"
        scope = declare(parse_shape(line), scope, line)[1]
    return scope

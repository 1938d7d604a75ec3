"""Shorthand for Jacobians: ``∂Y/∂W = X.T`` is no generalised Jacobian, but says what the cotangent is multiplied by."""

from __future__ import annotations

from collections.abc import Iterable

from covector.checker.bench import Bench
from covector.checker.compare import Finding, decide
from covector.checker.reading import Reading
from covector.checker.truth import Forward
from covector.errors import CovectorError
from covector.frontend.matrix import define_matrix
from covector.ir import Compute
from covector.notation.parse import parse_program
from covector.notation.syntax import Definition

_FORMS = ("G * C", "C * G", "G @ C", "C @ G", "G.T @ C", "C @ G.T", "sum(G * C)")
_TRANSPOSED = ("G @ C.T", "C.T @ G", "G.T @ C.T")


def as_shorthand(reading: Reading, forward: Forward) -> tuple[Finding, str] | None:
    """For a claim ``∂Y/∂W = C`` without indices or the Jacobian's shape: the finding for the rule that it stands for.

    With it comes that rule, as a text. None where the claim stands for none.
    """
    found = _rule(reading, forward, _FORMS)
    if found is None:
        return None
    statement, true, form, of = found
    assert reading.tensor is not None
    rule = f"∂L/∂{reading.tensor.name} = {form.replace('C', _shown(reading))}, where G = ∂L/∂{of}"
    return decide(statement, true, forward.program.statements), rule


def transposed_shorthand(reading: Reading, forward: Forward) -> str | None:
    """For a claim that would be shorthand if its right side were transposed: that right side."""
    if _rule(reading, forward, _TRANSPOSED) is None:
        return None
    source = _shown(reading)
    return source.removesuffix(".T") if source.endswith(".T") else f"{source}.T"


def _rule(reading: Reading, forward: Forward, forms: Iterable[str]) -> tuple[Compute, Compute, str, str] | None:
    """The first rule that holds: its statement, the true one, the form, and the tensor whose cotangent is G in it."""
    fits = reading.claimed is not None and reading.claimed.shape == reading.true.shape
    if reading.kind != "jacobian" or reading.element or fits or reading.claimed is None or reading.tensor is None:
        return None
    of = forward.tensor(reading.left.name.partition("/")[0].removeprefix("∂"))  # type: ignore[attr-defined]
    true = forward.gradient(reading.tensor)
    if of is None or not isinstance(true, Compute):
        return None
    scope = reading.scope.with_tensor(forward.gradient(of), "G").with_tensor(reading.claimed, "C")
    bench = Bench(true, (*forward.tensors.values(), forward.seed))
    for form in forms:
        text = f"rule' = {form}"
        try:
            (definition,) = parse_program(text).statements
            assert isinstance(definition, Definition)
            statement = define_matrix(definition, scope, text)[-1]
        except CovectorError:
            continue
        if isinstance(statement, Compute) and bench.equal(statement, true):
            return statement, true, form, of.name
    return None


def _shown(reading: Reading) -> str:
    """The right side as it was written, in parentheses where it is more than a name."""
    source = reading.source[reading.right.span.start : reading.right.span.end].strip()
    return source if source.removesuffix(".T").isidentifier() else f"({source})"

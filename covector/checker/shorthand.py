"""Shorthand for Jacobians: ``∂Y/∂W = X.T``, which is no generalised Jacobian, but says what the cotangent is multiplied by."""

from __future__ import annotations

from covector.checker.bench import Bench
from covector.checker.compare import Finding, decide
from covector.checker.reading import Reading
from covector.checker.truth import Forward
from covector.errors import CovectorError
from covector.frontend.matrix import define_matrix
from covector.ir import Compute
from covector.notation.parse import parse_program
from covector.notation.syntax import Definition

_FORMS = ("G * C", "C * G", "G @ C", "C @ G", "G.T @ C", "G @ C.T", "C.T @ G", "C @ G.T", "sum(G * C)")


def as_shorthand(reading: Reading, forward: Forward) -> tuple[Finding, str] | None:
    """For a claim ``∂Y/∂W = C`` without indices whose shape is not the Jacobian's: the finding for the rule that it stands for,
    and that rule; None where it stands for none.
    """
    fits = reading.claimed is not None and reading.claimed.shape == reading.true.shape
    if reading.kind != "jacobian" or reading.element or fits or reading.claimed is None or reading.tensor is None:
        return None
    of = forward.tensor(reading.left.name.partition("/")[0].removeprefix("∂"))  # type: ignore[attr-defined]
    if of is None:
        return None
    cotangent = forward.gradient(of)
    true = forward.gradient(reading.tensor)
    if not isinstance(true, Compute):
        return None
    scope = reading.scope.with_tensor(cotangent, "G").with_tensor(reading.claimed, "C")
    bench = Bench(true, (*forward.tensors.values(), forward.seed))
    source = reading.source[reading.right.span.start : reading.right.span.end].strip()
    for form in _FORMS:
        text = f"rule' = {form}"
        try:
            (definition,) = parse_program(text).statements
            assert isinstance(definition, Definition)
            statement = define_matrix(definition, scope, text)[-1]
        except CovectorError:
            continue
        if isinstance(statement, Compute) and bench.equal(statement, true):
            plain = source.replace("_", "").isalnum() or source.endswith(".T")
            shown = form.replace("C", source if plain else f"({source})")
            rule = f"∂L/∂{reading.tensor.name} = {shown}, where G = ∂L/∂{of.name}"
            return decide(statement, true, forward.program.statements), rule
    return None

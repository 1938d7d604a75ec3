"""A derivation as plain data, for other programs: what `json.dumps` takes, under a schema with a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from covector.derivation.formulas import Formulas
from covector.derivation.layout import loss_name
from covector.derivation.record import Case, Gradient, Path, Record, Step, Verification
from covector.ir import Compute, Expr, Tensor
from covector.ir.affine import Affine
from covector.matrix import MatrixForm
from covector.notation.print import equation, text

SCHEMA = "covector.derivation/1"

Data = dict[str, Any]


def render_json(record: Record) -> Data:
    """The derivation as dictionaries, lists, strings and numbers.

    Expressions come in the notation, which `covector derive` reads back, in Unicode and in LaTeX.
    """
    program = record.program
    wanted = record.gradients.items()
    return {
        "schema": SCHEMA,
        "program": text(program),
        "output": program.output.name,
        "loss": loss_name(record),
        "seed": record.seed.name if record.seed is not None else None,
        "inputs": [_tensor(tensor) for tensor in program.inputs],
        "forward": [
            {**_tensor(s), **_equation(s), "matrix": _matrix(record.forward.get(s.name))} for s in program.statements
        ],
        "gradients": {name: _gradient(found, record) for name, found in wanted},
        "intermediate": {name: _gradient(found, record) for name, found in record.intermediate.items()},
        "stops": [{**_expr(note.expr), "harmless": note.harmless} for note in record.stops],
        "gradient_program": text(record.gradient_program),
    }


def _tensor(tensor: Tensor) -> Data:
    return {"name": tensor.name, "shape": _shape(tensor.shape), "dtype": tensor.dtype}


def _shape(shape: Sequence[Affine]) -> list[int | str]:
    return [extent.constant if extent.is_constant else text(extent) for extent in shape]


def _expr(expr: Expr) -> Data:
    return {"element": text(expr), "unicode": text(expr, "unicode"), "latex": text(expr, "latex")}


def _equation(statement: Any) -> Data:
    return {
        "element": equation(statement),
        "unicode": equation(statement, "unicode"),
        "latex": equation(statement, "latex"),
    }


def _statement(statement: Compute | None) -> Data | None:
    return None if statement is None else {"name": statement.name, **_equation(statement)}


def _matrix(form: MatrixForm | None) -> Data | None:
    return None if form is None else {"text": form.text, "latex": form.latex, "proved": form.proved}


def _gradient(gradient: Gradient, record: Record) -> Data:
    statement = _statement(gradient.statement)
    return {
        "tensor": gradient.tensor.name,
        "shape": _shape(gradient.tensor.shape),
        "indices": [index.name for index in gradient.at],
        "zero": gradient.statement is None,
        "statement": statement,
        "whole": _statement(gradient.whole),
        "matrix": _matrix(gradient.matrix),
        "paths": [_path(path, gradient, record) for path in gradient.paths],
        "verification": _verification(gradient.verification),
    }


def _path(path: Path, gradient: Gradient, record: Record) -> Data:
    shown = Formulas("unicode", loss_name(record))
    return {
        "through": path.statement.name,
        "entry_of": shown.entry(path.statement, path.outputs, gradient.tensor, path.at),
        "cotangent": path.cotangent,
        "entry": [_step(step) for step in path.entry],
        "cases": [_case(case) for case in path.cases],
        "chain": [_step(step) for step in path.chain],
    }


def _step(step: Step) -> Data:
    of = None
    if step.of is not None:
        of = {"tensor": step.of[0].name, "indices": [index.name for index in step.of[1]]}
    rules = [{"name": r.name, "title": r.title, "title_zh": r.title_zh} for r in step.rules]
    return {**_expr(step.expr), "derivative_by": of, "rules": rules}


def _case(case: Case) -> Data:
    return {
        "equal": [text(bracket.condition) for bracket in case.equal],
        "unequal": [text(bracket.condition) for bracket in case.unequal],
        "condition": Formulas("unicode", "").condition(case),
        **_expr(case.value),
    }


def _verification(found: Verification | None) -> Data | None:
    if found is None:
        return None
    return {
        "shapes": [dict(shape) for shape in found.shapes],
        "points": found.points,
        "error": float(found.error),
        "dual_error": float(found.dual_error),
    }

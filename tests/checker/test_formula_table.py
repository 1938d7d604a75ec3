"""The gradients of every operation of the table, as covector prints them, are claims that are right."""

from __future__ import annotations

import pytest

from covector.checker.formula import check_formula
from covector.checker.suggest import unshadowed
from covector.checker.truth import Forward
from covector.cli.ops import example_source
from covector.frontend import read_program
from covector.ir import Compute, is_float
from covector.matrix import matrix_form
from covector.notation.print import equation
from covector.ops import OPERATIONS


@pytest.mark.parametrize("name", OPERATIONS)
def test_derived_gradients_are_right(name: str) -> None:
    program = read_program(example_source(OPERATIONS[name]))
    if not is_float(program.output.dtype):
        pytest.skip("no float, no gradient")
    forward = Forward(program)
    for tensor in program.inputs:
        statement = forward.gradient(tensor) if is_float(tensor.dtype) else None
        if not isinstance(statement, Compute):
            continue
        whole = forward.written_out(tensor)
        claims = [equation(statement)]
        if whole is not None:
            claims.append(equation(unshadowed(whole)))
        form = matrix_form(whole or statement)
        if form is not None:
            claims.append(f"d{tensor.name} = {form.text}")
        for claim in claims:
            verdict = check_formula(claim, forward)
            assert verdict, str(verdict)

"""What covector derives and prints is what was read and frozen."""

from __future__ import annotations

import numpy as np
import pytest

from covector.derivation.sample import samples
from covector.frontend import read_program
from covector.ir.tensor import read_tensors
from covector.notation.print import equation, shape_text
from covector.run.reference import evaluate
from tests.golden import known, programs
from tests.golden.known import Form

FORMS = known.forms()[1]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.name))
def test_gradients_have_the_form_that_people_know(form: Form) -> None:
    assert known.derive(form).gradients == form.gradients


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.name))
def test_element_forms_read_back(form: Form) -> None:
    """What is printed is a program of the notation, and computes what was derived."""
    record = known.derivation_of(form).record
    sample = next(next(samples(record.program, record.seed, tries=1)))
    arrays = {name: array[0] for name, array in sample.arrays.items()}
    arrays |= evaluate(record.gradient_program, arrays, sample.extents)
    for gradient in (*record.intermediate.values(), *record.gradients.values()):
        if gradient.statement is None:
            continue
        for statement in {gradient.statement, gradient.whole or gradient.statement}:
            tensors = read_tensors(statement)
            declared = [f"{tensor.name}: {shape_text(tensor.shape) or '()'} {tensor.dtype}" for tensor in tensors]
            program = read_program("\n".join([*declared, equation(statement).replace("'", "")]))
            found = evaluate(program, {tensor.name: arrays[tensor.name] for tensor in tensors}, sample.extents)
            expected = arrays[gradient.statement.name]
            np.testing.assert_allclose(found[program.output.name], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", programs.DERIVATIONS)
def test_derivations_read_as_they_did(name: str) -> None:
    golden = programs.DERIVATIONS[name]
    derivation = golden.derive()
    for extension in golden.formats:
        assert programs.printed(derivation, extension) == programs.path(name, extension).read_text()


def test_nothing_else_is_frozen() -> None:
    wanted = {programs.path(name, e) for name, golden in programs.DERIVATIONS.items() for e in golden.formats}
    assert set(programs.FOLDER.iterdir()) == wanted
    assert len({form.name for form in FORMS}) == len(FORMS)

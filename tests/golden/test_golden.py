"""What covector derives and prints is what was read and frozen."""

from __future__ import annotations

import pytest

from tests.golden import known, programs
from tests.golden.known import Form

FORMS = known.forms()[1]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form.name))
def test_gradients_have_the_form_that_people_know(form: Form) -> None:
    assert known.derive(form).gradients == form.gradients


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

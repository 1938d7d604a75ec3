"""Reading and writing `known_forms.txt`: sections ``[name] wrt …``, a program, and its gradients, indented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import covector
from covector.derivation.derivation import Derivation, Derived

FILE = Path(__file__).with_name("known_forms.txt")
INDENT = "    "


@dataclass(frozen=True)
class Form:
    """A forward, what it is differentiated with respect to (every input where nothing is named), and the gradients."""

    name: str
    wrt: tuple[str, ...]
    program: str
    gradients: str

    def __str__(self) -> str:
        wrt = f" wrt {' '.join(self.wrt)}" if self.wrt else ""
        return f"[{self.name}]{wrt}\n{self.program}\n{self.gradients}\n"


def forms() -> tuple[str, list[Form]]:
    """What stands before the first section, and the sections."""
    preface, *sections = ("\n" + FILE.read_text()).split("\n[")
    return preface.lstrip("\n"), [_form(section) for section in sections]


def _form(section: str) -> Form:
    head, *lines = section.splitlines()
    name, _, wrt = head.partition("]")
    program = [line for line in lines if line and not line.startswith(INDENT)]
    gradients = [line for line in lines if line.startswith(INDENT)]
    return Form(name, tuple(wrt.split()[1:]), "\n".join(program), "\n".join(gradients))


@cache
def derivation_of(form: Form) -> Derivation:
    """The derivation of a form's program."""
    return covector.derive(form.program, wrt=form.wrt or None)


def derive(form: Form) -> Form:
    """The form with its gradients as they are derived now."""
    derivation = derivation_of(form)
    names = [*derivation.record.intermediate, *derivation.record.gradients]
    lines = [line for name in names for line in _lines(derivation[name])]
    return Form(form.name, form.wrt, form.program, "\n".join(INDENT + line for line in lines))


def _lines(derived: Derived) -> Iterator[str]:
    """The element form, the same with cotangents written out, and the matrix form."""
    yield derived.element
    if derived.whole != derived.element:
        yield derived.whole
    if derived.matrix is not None:
        yield f"d{derived.name} = {derived.matrix}"

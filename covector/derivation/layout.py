"""A derivation as a page: titled sections of equations, cases and sentences, from which each format is printed.

What is said, and in which order, is decided here, once; the formats decide only how it looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from covector.derivation.formulas import Formulas
from covector.derivation.record import Case, Gradient, Path, Record, Step, StopNote, Verification
from covector.derivation.words import Words
from covector.ir import Apply, Compute, Expr, Read, Tensor, walk
from covector.ir.tensor import read_tensors
from covector.notation.print import text
from covector.ops import SCALARS

_SHORT = 64
"""Characters of the longest gradient that stands written out where only results are shown."""


@dataclass(frozen=True)
class Formula:
    """A formula in the style of the page."""

    text: str


Inline = tuple[str | Formula, ...]
"""A sentence: words and formulas."""


@dataclass(frozen=True)
class Line:
    """``= right``, and why."""

    right: str
    reason: str = ""


@dataclass(frozen=True)
class Equation:
    """``left = … = …``, named by ``phrase`` among the words; ``apart``: the left side stands on a line of its own."""

    left: str
    lines: tuple[Line, ...]
    phrase: str = ""
    shape: str = ""
    apart: bool = False


@dataclass(frozen=True)
class Cases:
    """What ``left`` is, condition by condition."""

    left: str
    rows: tuple[tuple[Inline, str], ...]


@dataclass(frozen=True)
class Declarations:
    """The given tensors, each as a formula that ends in its shape."""

    formulas: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """A remark."""

    parts: Inline
    phrase: str = ""


Block = Equation | Cases | Declarations | Sentence


@dataclass(frozen=True)
class Section:
    """A part of the page: its title, what stands for that in the margin, and what it says."""

    title: Inline
    margin: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Page:
    """A whole derivation, laid out."""

    sections: tuple[Section, ...]
    words: Words = field(compare=False)


def lay_out(record: Record, style: str, lang: str = "en", less: bool = False) -> Page:
    """The page of a record, its formulas in a style (``unicode`` or ``latex``)."""
    return _Layout(record, style, lang, less).page()


def loss_name(record: Record) -> str:
    """What the differentiated scalar is called: the output itself, or some L that depends on it."""
    name = record.program.output.name
    if record.seed is not None:
        taken = set(record.program.tensors())
        name = next(letter for letter in ("L", "loss", "Loss", "L_") if letter not in taken)
    return name


class _Layout:
    """The parts of one page."""

    def __init__(self, record: Record, style: str, lang: str, less: bool) -> None:
        self.record, self.less, self.words = record, less, Words(lang)
        self.formulas = Formulas(style, loss_name(record))

    def page(self) -> Page:
        """Forward, then every gradient from the loss backward."""
        found = [Section((self.words("forward"),), self.words("forward:"), tuple(self.forward()))]
        for gradient in self.gradients():
            name = self.formulas.name(gradient.tensor.name)
            blocks = tuple(self.brief(gradient) if self.less else self.full(gradient))
            title = self.sentence("derivative of {x}", x=Formula(name)).parts
            found.append(Section(title, name, blocks))
        return Page(tuple(found), self.words)

    def gradients(self) -> list[Gradient]:
        """The gradients to show; with ``less``, of the intermediate ones only where others refer to them."""
        wanted, between = list(self.record.gradients.values()), list(self.record.intermediate.values())
        named = {gradient.statement for gradient in between}
        refers = any(
            isinstance(node, Read) and node.tensor in named
            for gradient in wanted
            if (shown := self.result(gradient)) is not None
            for node in walk(shown.body)
        )
        return wanted if self.less and not refers else [*between, *wanted]

    def result(self, gradient: Gradient) -> Compute | None:
        """What a gradient is, in one equation: written out where that is short, else by cotangents of statements."""
        written = [found.whole for found in self.record.gradients.values() if found.whole is not None]
        short = all(len(text(whole.body, "unicode")) <= _SHORT for whole in written)
        return gradient.whole if short and gradient.whole is not None else gradient.statement

    def forward(self) -> Iterator[Block]:
        """The given tensors, the statements, what the cotangents are called, and what was found about stops."""
        record, formulas = self.record, self.formulas
        if record.program.inputs:
            yield Declarations(tuple(formulas.expr(tensor) for tensor in record.program.inputs))
        for statement in record.program.statements:
            left, right = formulas.sides(statement)
            yield Equation(left, (Line(right),), shape=formulas.shape(statement))
            if statement.name in record.forward:
                form = formulas.matrix(record.forward[statement.name])
                yield Equation(formulas.name(statement.name), (Line(form),), "matrix form")
        yield from self.conventions()
        for note in record.stops:
            yield self.stop(note)

    def conventions(self) -> Iterator[Sentence]:
        """``G = ∂L/∂y``, said once."""
        record, formulas, output = self.record, self.formulas, self.record.program.output
        if record.seed is not None:
            left, right = formulas.name(record.seed.name), formulas.whole_gradient(output)
            yield self.sentence(
                "cotangent of the output",
                G=Formula(f"{left} = {right}"),
                L=Formula(formulas.loss),
                y=Formula(formulas.name(output.name)),
            )
        named: list[str | Formula] = []
        for gradient in self.gradients():
            if gradient.statement is not None and isinstance(gradient.tensor, Compute):
                equation = f"{formulas.name(gradient.statement.name)} = {formulas.whole_gradient(gradient.tensor)}"
                named += [*([self.words("comma")] if named else []), Formula(equation)]
        if named:
            yield Sentence(tuple(named))

    def stop(self, note: StopNote) -> Sentence:
        """Whether a stop changes anything."""
        is_stop = isinstance(note.expr, Apply) and note.expr.function.name == "stop"
        expr: Expr = note.expr if is_stop else Apply(SCALARS["stop"], (note.expr,))
        phrase = "harmless stop" if note.harmless else "needed stop"
        return self.sentence(phrase, "note:", stop=Formula(self.formulas.expr(expr)))

    def full(self, gradient: Gradient) -> Iterator[Block]:
        """Every step, from the derivative of one element to the matrix form."""
        several = len(gradient.paths) > 1
        for path in gradient.paths:
            yield from self.path(gradient, path, several)
        if gradient.statement is None:
            yield from self.zero(gradient)
            return
        if several or not self._ends_with(gradient.paths, gradient.statement.body):
            yield self.total(gradient, several)
        if gradient.whole is not None and gradient.whole.body is not gradient.statement.body:
            left = self.formulas.gradient(gradient.tensor, gradient.whole.indices)
            yield Equation(left, (Line(self.formulas.expr(gradient.whole.body)),), "written out")
        yield from self.ending(gradient)

    def _ends_with(self, paths: Sequence[Path], body: Expr) -> bool:
        """Whether the last line of the last path is already the gradient."""
        steps = [step for path in paths for step in (*path.entry, *path.chain)]
        return bool(steps) and steps[-1].of is None and self.formulas.step(steps[-1]) == self.formulas.expr(body)

    def brief(self, gradient: Gradient) -> Iterator[Block]:
        """The element form, the matrix form, and what they were checked against."""
        shown = self.result(gradient)
        if shown is None:
            yield from self.zero(gradient)
            return
        left = self.formulas.gradient(gradient.tensor, shown.indices)
        yield Equation(left, (Line(self.formulas.expr(shown.body)),), "element form")
        yield from self.ending(gradient)

    def path(self, gradient: Gradient, path: Path, several: bool) -> Iterator[Block]:
        """What one statement gives: the derivative of one of its elements, its cases, the chain rule."""
        entry = self.formulas.entry(path.statement, path.outputs, gradient.tensor, path.at)
        if path.cotangent is None and several:
            entry = self.part(gradient, path)
        yield Equation(entry, self.lines(path.entry), apart=True)
        if path.cases:
            rows = tuple((self.condition(case), self.formulas.expr(case.value)) for case in path.cases)
            yield Cases(entry, rows)
        if path.cotangent is not None:
            left = self.part(gradient, path) if several else self.formulas.gradient(gradient.tensor, path.at)
            first = Line(self.formulas.chain(path.cotangent, path.outputs, entry))
            yield Equation(left, (first, *self.lines(path.chain)), "chain rule")

    def condition(self, case: Case) -> Inline:
        """When a case holds."""
        shown = self.formulas.condition(case)
        return (Formula(shown),) if shown else (self.words("otherwise"),)

    def part(self, gradient: Gradient, path: Path) -> str:
        """``∂L/∂x[i]|y``: the part of a gradient that comes through one of several statements."""
        return self.formulas.gradient(gradient.tensor, path.at, path.statement.name)

    def lines(self, steps: Sequence[Step]) -> tuple[Line, ...]:
        """The steps as lines; one that reads like the line before only adds its reasons."""
        found: list[Line] = []
        for step in steps:
            shown, reason = self.formulas.step(step), self.words.reasons(step.rules)
            if found and found[-1].right == shown:
                reasons = dict.fromkeys(part for part in (found[-1].reason, reason) if part)
                found[-1] = Line(shown, self.words("comma").join(reasons))
            else:
                found.append(Line(shown, reason))
        return tuple(found)

    def total(self, gradient: Gradient, several: bool) -> Equation:
        """The gradient in element form: the sum of what the statements give."""
        assert gradient.statement is not None
        lines = [Line(self.formulas.expr(gradient.statement.body))]
        if several:
            parts = [self.part(gradient, path) for path in gradient.paths]
            lines.insert(0, Line(" + ".join(parts)))
        return Equation(self.formulas.gradient(gradient.tensor, gradient.at), tuple(lines), "element form")

    def ending(self, gradient: Gradient) -> Iterator[Block]:
        """The matrix form with its shape, and the verification."""
        if gradient.matrix is not None:
            reason = "" if gradient.matrix.proved else self.words("agrees")
            line = Line(self.formulas.matrix(gradient.matrix), reason)
            left = self.formulas.whole_gradient(gradient.tensor)
            yield Equation(left, (line,), "matrix form", shape=self.formulas.shape(gradient.tensor))
        if gradient.verification is not None:
            yield Sentence((verification_text(gradient.verification, self.words),), "verification")
        elif gradient.tensor.name in self.record.gradients:
            yield Sentence((self.words("unchecked"),), "verification")

    def zero(self, gradient: Gradient) -> Iterator[Block]:
        """A gradient that is zero: nothing depends on the tensor, or only what is flat or stopped does."""
        left = self.formulas.gradient(gradient.tensor, gradient.at)
        yield Equation(left, (Line("0"),), "element form")
        output = Formula(self.formulas.name(self.record.program.output.name))
        phrase = _why_zero(self.record.program.output, gradient.tensor)
        yield self.sentence(phrase, "note:", y=output, x=Formula(self.formulas.name(gradient.tensor.name)))

    def sentence(self, phrase: str, label: str = "", **values: Formula) -> Sentence:
        """A phrase whose blanks are formulas."""
        parts = re.split(r"\{(\w+)\}", self.words.template(phrase))
        filled = [part if number % 2 == 0 else values[part] for number, part in enumerate(parts)]
        return Sentence(tuple(part for part in filled if part), label)


def _why_zero(output: Tensor, tensor: Tensor) -> str:
    """The phrase that says why the gradient of the output with respect to a tensor is zero."""
    readers = [reader for reader in _read_by([output]) if isinstance(reader, Compute)]
    if tensor not in _read_by([output]):
        return "zero"
    for node in (node for reader in readers for node in walk(reader.body)):
        if isinstance(node, Apply) and node.function is SCALARS["stop"]:
            stopped = [part.tensor for part in walk(node) if isinstance(part, Read)]
            if tensor in _read_by(stopped):
                return "stopped"
    return "flat"


def _read_by(tensors: Sequence[Tensor]) -> set[Tensor]:
    """The tensors, and those that they read, directly or through others."""
    found, waiting = set(tensors), list(tensors)
    while waiting:
        fresh = set(read_tensors(waiting.pop())) - found
        found |= fresh
        waiting += fresh
    return found


def verification_text(found: Verification, words: Words) -> str:
    """What a gradient was checked against, in one sentence.

    >>> verification_text(Verification(({"M": 2},), 1, 2.34e-10, 0.0), Words("en"))
    'against finite differences at 1 shape, largest relative error 2.3e-10 (dual numbers: 0)'
    """
    count = len(found.shapes)
    shapes = words("shape" if count == 1 else "shapes", count=str(count))
    said = words("checked", shapes=shapes, error=digits(found.error))
    return said + words("dual", error=digits(found.dual_error))


def digits(error: float) -> str:
    """An error with two significant digits.

    >>> digits(2.34e-10), digits(0.0)
    ('2.3e-10', '0')
    """
    return "0" if error == 0 else f"{error:.1e}"

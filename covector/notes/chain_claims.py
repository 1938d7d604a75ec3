"""The terms of a chain, compared with its first: verdicts, with the cause and the right form of what is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from covector.checker.verdict import Cause, Verdict
from covector.errors import CovectorError
from covector.ir import Index, Read, as_affine, walk
from covector.notes import math as m
from covector.notes.chain_compare import Equality, compare, equal_at_points, guessed_cause, statements, verdict_of
from covector.notes.chain_define import chain_rule
from covector.notes.chain_page import Parts, dropped_factors, page_edits
from covector.notes.chain_repairs import Edit, edits
from covector.notes.chain_truth import LETTERS, right_form
from covector.notes.context import COTANGENTS, Context
from covector.notes.latex import read_formula
from covector.notes.page import Snippet
from covector.notes.translate import Translator
from covector.notes.translate_names import TypoError
from covector.notes.translate_values import MisfitError, UnreadError, Value

REPAIR_SECONDS, PAGE_REPAIR_SECONDS = 4.0, 10.0
MOST_EDITS = 600


@dataclass
class Patience:
    """How much time is left for finding what would make the wrong formulas of a page right."""

    left: float = PAGE_REPAIR_SECONDS

    def spent_on(self, tried: Iterable[Edit]) -> Iterator[Edit]:
        """What is tried, as long as there is time."""
        began = time.process_time()
        allowed = min(REPAIR_SECONDS, self.left)
        try:
            for one in tried:
                if time.process_time() - began > allowed:
                    return
                yield one
        finally:
            self.left -= time.process_time() - began


@dataclass(frozen=True)
class Term:
    """A term of a chain and the text that it was read from; ``snippet`` is its formula."""

    node: m.Math
    snippet: Snippet

    @property
    def text(self) -> str:
        """As it was written."""
        return self.snippet.text[self.node.span.start : self.node.span.end].strip()


@dataclass(frozen=True)
class Conditions:
    """What holds where a claim is made: letters that are the same, letters that differ."""

    same: tuple[tuple[str, str], ...] = ()
    unequal: tuple[tuple[str, str], ...] = ()

    def sentence(self) -> str:
        """In words."""
        parts = [*(f"{a} = {b}" for a, b in self.same), *(f"{a} ≠ {b}" for a, b in self.unequal)]
        return f"under {', '.join(parts)}" if parts else ""


Found = Value | CovectorError


def stands_for_itself(true: Value, claimed: Value) -> str | None:
    """The gradient that a left side is, where the page says nothing that it could be derived from."""
    body = true.at(tuple(as_affine(Index(f"e{n}'", extent)) for n, extent in enumerate(true.shape)))
    if not isinstance(body, Read) or not body.tensor.name.startswith("∂L/∂"):
        return None
    other = claimed.at(tuple(as_affine(Index(f"e{n}'", extent)) for n, extent in enumerate(claimed.shape)))
    reads = {node.tensor.name for node in walk(other) if isinstance(node, Read)}
    return None if body.tensor.name in reads else body.tensor.name


def _simple(node: m.Math) -> bool:
    """Whether a term has only names and products of them: the side that a longer one is meant to be."""
    return all(isinstance(n, (m.Name, m.Product, m.Transpose)) for n in m.walk(node))


class Claims:
    """Judges the terms of one chain."""

    def __init__(
        self, context: Context, conditions: Conditions, known: frozenset[str], layout: str = "",
        parts: Parts | None = None, patience: Patience | None = None,
    ) -> None:  # fmt: skip
        self.context, self.conditions, self.known, self.layout = context, conditions, known, layout
        self.parts, self.patience = parts, patience or Patience()
        self.translator = self.fresh()

    def fresh(self) -> Translator:
        """A translator under the conditions in force."""
        return Translator(self.context, dict(self.conditions.same), self.layout)

    def values(self, terms: list[m.Math], translator: Translator) -> list[Found]:
        """What each term stands for: read twice, for what one says of extents holds for all."""
        found: list[Found] = []
        for _ in range(2):
            found = [self.value(term, translator) for term in terms]
        return found

    def value(self, term: m.Math, translator: Translator) -> Found:
        """What one term stands for, or why that cannot be said."""
        translator.node = term
        try:
            return translator.value(term)
        except CovectorError as error:
            return error
        except RecursionError:
            return UnreadError("this is nested too deeply", term.span)

    def judge(self, terms: list[Term]) -> list[Verdict]:
        """A verdict for each term after the first: whether it is what the first is."""
        if len(terms) == 2 and isinstance(terms[0].node, (m.Product, m.Matrix)) and _simple(terms[1].node):
            terms = terms[::-1]
        self.translator.spoken = self.spoken([term.node for term in terms])
        values = self.values([term.node for term in terms], self.translator)
        rules = [chain_rule(terms[0].node, term.node, self.context) for term in terms[1:]]
        if isinstance(values[0], CovectorError) and not all(rules):
            return [self.failed(terms, values, 0, values[0])]
        verdicts = []
        for n, value in enumerate(values[1:], 1):
            if chain_rule(terms[0].node, terms[n].node, self.context):
                line, column = terms[n].snippet.place(terms[n].node.span.start)
                verdicts.append(Verdict("proved", self.claim(terms, n), "the chain rule", line=line, column=column))
            elif isinstance(value, CovectorError):
                verdicts.append(self.failed(terms, values, n, value))
            else:
                verdicts.append(self.compared(terms, values, n))
        return verdicts

    def spoken(self, terms: list[m.Math]) -> frozenset[str]:
        """The tensors whose gradients some terms speak of."""
        found: set[str] = set()
        for node in (node for term in terms for node in m.walk(term)):
            by: m.Math | None = None
            if isinstance(node, m.Derivative) and self.translator.is_loss_node(node.of):
                by = node.by[0]
            elif isinstance(node, m.Differential):
                by = node.by if self.translator.is_loss_node(node.operand) else node.operand
            by = by.base if isinstance(by, m.Indexed) else by
            if isinstance(by, m.Name) and by.name in self.context.defined:
                found.add(by.name)
        return frozenset(found)

    def said(self) -> str:
        """How what was ambiguous was read."""
        return "; ".join(part for part in (self.conditions.sentence(), *self.translator.notes) if part)

    def claim(self, terms: list[Term], n: int) -> str:
        """The equality as it is written."""
        return f"{terms[0].text} = {terms[n or -1].text}"

    def compared(self, terms: list[Term], values: list[Found], n: int) -> Verdict:
        """The verdict on one term that was understood."""
        true, value, term = values[0], values[n], terms[n]
        assert isinstance(true, Value)
        assert isinstance(value, Value)
        line, column = term.snippet.place(term.node.span.start)
        claim = self.claim(terms, n)
        try:
            found = compare(self.translator, true, value, list(self.conditions.unequal))
            said = self.shorthand(found, terms, n)
            verdict = verdict_of(found, claim, said, line, column)
        except CovectorError as error:
            return Verdict("not understood", claim, error.message, self.said(), line=line, column=column)
        except RecursionError:
            return Verdict("not understood", claim, "this is nested too deeply", line=line, column=column)
        if verdict:
            return verdict
        if (unlinked := stands_for_itself(true, value)) is not None:
            message = f"nothing that the page defines leads to {unlinked}, so it cannot be compared with this"
            return Verdict("not understood", claim, message, self.said(), line=line, column=column)
        verdict = self.repaired(verdict, terms, true, n)
        unknown = verdict.cause is not None and verdict.cause.name == "unknown" and self.patience.left > 0
        if unknown and found.claimed is not None and found.true is not None:
            verdict = replace(verdict, cause=guessed_cause(found.claimed, found.true) or verdict.cause)
        return verdict

    def shorthand(self, found: Equality, terms: list[Term], n: int) -> str:
        """The reading, with what is shorthand said to be so."""
        if not found.note:
            return self.said()
        node, right = terms[0].node, terms[n].text
        by = node.by[0] if isinstance(node, m.Derivative) else node
        name = terms[0].snippet.text[by.span.start : by.span.end].strip()
        rule = found.note.replace("M", right)
        note = f"shorthand: true as the rule ∂L/∂{name} = {rule}, not as the generalised Jacobian"
        return "; ".join(part for part in (self.said(), note) if part)

    def failed(self, terms: list[Term], values: list[Found], n: int, error: CovectorError) -> Verdict:
        """The verdict on a term that has no value: it cannot be, or it is not understood."""
        term = terms[n]
        part = error.part if isinstance(error, UnreadError) else term.node.span
        inside = part.start >= term.node.span.start and part.end <= term.node.span.end
        line, column = term.snippet.place(part.start if inside else term.node.span.start)
        claim = self.claim(terms, n)
        if not isinstance(error, MisfitError):
            return Verdict("not understood", claim, error.message, self.said(), line=line, column=column)
        cause = Cause(error.cause, error.message)
        verdict = Verdict("wrong", claim, error.message, self.said(), cause=cause, line=line, column=column)
        if isinstance(error, TypoError) and inside:
            start = error.part.start - term.node.span.start
            text = term.text[:start] + error.near + term.text[start + len(error.name) :]
            return replace(verdict, suggestion=self.right(terms, n, text))
        true = next((value for k, value in enumerate(values) if k != n and isinstance(value, Value)), None)
        if cause.name == "missing index" and n == 0 and len(terms) > 1:
            return self.completed(verdict, terms)
        return verdict if true is None else self.repaired(verdict, terms, true, n, keep=True)

    def completed(self, verdict: Verdict, terms: list[Term]) -> Verdict:
        """A wrong verdict on a left side that lacks an index, with the index and with what is then true."""
        left = terms[0]
        start = left.node.span.start
        written = left.snippet.text[start : left.node.span.end]
        used = {node.name for term in terms for node in m.walk(term.node) if isinstance(node, m.Name)}
        letters = [letter for letter in LETTERS if letter not in used][:1]
        tried = edits(written, left.node, start, letters, [])
        for edit in self.patience.spent_on(one for one in tried if one.cause == "missing index"):
            translator = Translator(self.context, {}, self.layout)  # the condition named the index that is lacking
            value = self.read_term(edit.text, translator)
            form = right_form(translator, value, self.cotangent()) if value is not None else None
            if form is not None:
                return replace(verdict, suggestion=f"{edit.text.strip()} = {form}")
        return verdict

    def read_term(self, text: str, translator: Translator) -> Value | None:
        """What a text stands for, where it is one term that can be read in one way."""
        try:
            (statement,) = next(read_formula(text, self.known).readings(1)).statements
            (term,) = statement.terms
            (value,) = self.values([term], translator)
        except (CovectorError, ValueError):
            return None
        return value if isinstance(value, Value) else None

    def right(self, terms: list[Term], n: int, text: str) -> str:
        """The right form: the left side as it is, and the changed text."""
        left = terms[0].text
        return f"{left} = {text}" if n else text

    def repaired(self, verdict: Verdict, terms: list[Term], true: Value, n: int, keep: bool = False) -> Verdict:
        """A wrong verdict with the change that makes the term right, where one is found."""
        term = terms[n]
        if self.patience.left <= 0:
            return verdict
        start = term.node.span.start
        extents = sorted(self.context.declared_extents)
        letters = [name for name in (*self.translator.free, *self.bound(terms)) if name.isalpha()]
        letters = list(dict.fromkeys(letters))
        if verdict.cause is not None and verdict.cause.name == "missing sum" and self.context.used["np.sum"]:
            axis = "" if true.is_number else ", axis=0"
            if "all" in verdict.cause.sentence or "axis 0" in verdict.cause.sentence:
                return replace(verdict, suggestion=self.right(terms, n, f"np.sum({term.text}{axis})"))
        written = term.snippet.text[start : term.node.span.end]
        tried = edits(written, term.node, start, letters, extents)
        if self.parts is not None:
            first = dropped_factors(written, term.node, self.parts)
            tried = chain(first, tried, page_edits(written, term.node, start, self.parts, self.context))
        for edit in self.patience.spent_on(islice(tried, MOST_EDITS)):
            if keep and edit.cause in ("wrong operand", "extra factor", "not zero"):
                continue
            if self.holds(edit.text, true):
                cause = Cause(
                    edit.cause,
                    f"{verdict.cause.sentence}: {edit.sentence}" if keep and verdict.cause else edit.sentence,
                )
                if (
                    verdict.cause is not None
                    and verdict.cause.name not in ("unknown", "shapes that cannot be")
                    and (not keep)
                ):
                    cause = verdict.cause
                return replace(verdict, cause=cause, suggestion=self.right(terms, n, edit.text.strip()))
        if verdict.suggestion is None and isinstance(terms[0].node, (m.Derivative, m.Differential)) and n:
            form = right_form(self.translator, true, self.cotangent())
            if form is not None:
                return replace(verdict, suggestion=self.right(terms, n, form))
        return verdict

    def cotangent(self) -> str:
        """What the page calls the gradient by the output; otherwise what it calls the output."""
        own = (*self.context.shapes, *self.context.defined)
        said = next((name for name in COTANGENTS if self.context.used[name] and name not in own), None)
        if said is not None:
            return said
        out = next(iter(self.translator.reached(self.translator.outputs())), "")
        name = self.parts.names.get(out) if self.parts is not None else None
        return rf"\frac{{\partial L}}{{\partial {name}}}" if name else "G"

    def bound(self, terms: list[Term]) -> list[str]:
        """The letters that sums bind."""
        return [
            node.index.name
            for term in terms
            for node in m.walk(term.node)
            if isinstance(node, m.Binding) and isinstance(node.index, m.Name)
        ]

    def holds(self, text: str, true: Value) -> bool:
        """Whether a changed term is what is true."""
        try:
            formula = read_formula(text, self.known)
        except CovectorError:
            return False
        before = self.context.extents.copy()
        for reading in formula.readings(3):
            if len(reading.statements) != 1 or len(reading.statements[0].terms) != 1:
                continue
            translator = self.fresh()
            translator.free, translator.spoken = dict(self.translator.free), self.translator.spoken
            (changed,) = self.values([reading.statements[0].terms[0]], translator)
            try:
                if isinstance(changed, Value) and self.same(translator, true, changed):
                    return True
            except CovectorError:
                continue
            finally:
                self.context.extents.take(before)
        return False

    def same(self, translator: Translator, true: Value, changed: Value) -> bool:
        """Whether two values are equal at a few points."""
        extents = translator.extents
        if len(true.shape) != len(changed.shape):
            return False
        if not all(extents.same(a, b) for a, b in zip(true.shape, changed.shape, strict=True)):
            return False
        sides = statements(translator, true, changed, list(self.conditions.unequal))
        return equal_at_points(sides[1], sides[0])

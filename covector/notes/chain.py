"""A walk over a page: what each formula defines, states or claims, with what was said before it."""

from __future__ import annotations

import copy
import time
from dataclasses import replace

from covector.checker.verdict import Cause, Verdict
from covector.errors import CovectorError
from covector.notes import math as m
from covector.notes.chain_claims import Claims, Conditions, Patience, Term
from covector.notes.chain_conditions import ConditionReader
from covector.notes.chain_declare import (
    declare_ahead,
    implies_sums,
    one_hot_names,
    own_extent,
    same_extents,
    symmetric_names,
)
from covector.notes.chain_define import (
    defined_by,
    entry_definition,
    implied_sums,
    in_order,
    is_assumption,
    is_recurrence,
    new_names,
    normalised_by,
    other_entry,
    own_entries,
    solved,
    states_of,
    vectors_in,
)
from covector.notes.chain_outcome import PAGE_SECONDS, Outcome, wall_seconds
from covector.notes.chain_page import parts_of
from covector.notes.chain_plain import plainly
from covector.notes.context import CONCRETE, COTANGENTS, Context, Defined, survey
from covector.notes.declarations import Declaration
from covector.notes.formula import Formula, Statement
from covector.notes.layouts import Layouts
from covector.notes.page import Paragraph
from covector.notes.read import Notes, Reading
from covector.notes.show import show
from covector.notes.translate import FUNCTIONS, SOFTMAXES, SUMS
from covector.notes.translate_values import MisfitError, UnreadError, Value
from covector.notes.verdicts import Checked

READINGS = 6


class Walker(ConditionReader):
    """Goes through the formulas of a page in order."""

    def __init__(self, notes: Notes) -> None:
        self.notes, self.context = notes, survey(notes)
        self.waiting = sorted(notes.declarations.shapes, key=lambda item: item.line)
        self.head: Term | None = None
        self.began, self.until = time.process_time(), time.monotonic() + wall_seconds(len(notes.formulas))
        self.by_heading: dict[int, Conditions] = {}
        self.local: Conditions | None = None
        self.mend = True
        self.reading: Reading
        self.section: tuple[int, ...] = ()
        self.parts, self.patience = parts_of(notes), Patience()
        self.layouts, self.implied = Layouts(notes), implies_sums(notes)
        same_extents(notes, self.context)

    def checked(self, reading: Reading) -> Checked:
        """The verdict on one formula."""
        self.reading, snippet = reading, reading.snippet
        section = tuple(heading.line for heading in reading.section)
        if section[:1] != self.section[:1]:
            self.context.enter(section[0] if section else 0)
        self.section = section
        end = snippet.line + snippet.text.count("\n")
        while self.waiting and self.waiting[0].line <= end:
            item = self.waiting.pop(0)
            self.context.forget(item.name, section[:1])
            self.context.declare(item)
        self.context.top = section[:1]
        declare_ahead(self.notes, reading, self.waiting, self.context)
        self.context.symmetric = symmetric_names(self.notes, reading)
        self.context.normalised = {**dict.fromkeys(one_hot_names(self.notes, reading), -1), **self.context.normalised}
        if reading.formula is None:
            outcome = Outcome([self.unread(reading)])
        elif time.process_time() - self.began > PAGE_SECONDS or time.monotonic() > self.until:
            message = "the page takes too long: this formula is not checked"
            verdict = Verdict("not understood", snippet.text, message, line=snippet.line, column=snippet.column)
            outcome = Outcome([verdict])
        else:
            outcome = self.best(reading.formula)
            self.meet(reading.formula)
        says = "; ".join(dict.fromkeys(outcome.says)) if not outcome.verdicts else ""
        return Checked(
            snippet.text, snippet.line, snippet.column, snippet.start, snippet.end, outcome.answer, says,
            tuple(map(plainly, outcome.verdicts)),
        )  # fmt: skip

    def unread(self, reading: Reading) -> Verdict:
        """The verdict on what the reader of formulas could not read."""
        error, snippet = reading.error, reading.snippet
        span = error.span if error is not None else None
        line, column = snippet.place(span[0]) if span is not None else (snippet.line, snippet.column)
        message = error.message if error is not None else "this cannot be read"
        return Verdict("not understood", snippet.text, message, line=line, column=column)

    def meet(self, formula: Formula) -> None:
        """Remember the names of a formula."""
        for statement in next(formula.readings(1)).statements:
            for term in statement.terms:
                self.context.met |= {node.name for node in m.walk(term) if isinstance(node, m.Name)}

    def best(self, formula: Formula) -> Outcome:
        """The reading in which shapes agree and the claim holds, or the likeliest."""
        kept: tuple[int, int, Formula] | None = None
        readings = list(formula.readings(READINGS))
        for number, one in enumerate(readings):
            before = self.save()
            outcome = self.attempt(one, mend=False)
            if not outcome.badness:
                if number and outcome.verdicts:
                    outcome.read_as(f"read as {show(one)[:160]}")
                return outcome
            self.restore(before)
            if kept is None or (outcome.badness, number) < kept[:2]:
                kept = (outcome.badness, number, one)
        assert kept is not None
        vectors = vectors_in(kept[2], self.context)
        if vectors and (found := self.with_vectors(kept[2], vectors)) is not None:
            return found
        extents = self.context.extents.copy()
        outcome = self.attempt(kept[2])
        loose = set(self.context.extents.loose)
        self.context.extents.take(extents)  # what is wrong says nothing of extents
        self.context.extents.loose |= loose
        return outcome

    def with_vectors(self, formula: Formula, vectors: list[str]) -> Outcome | None:
        """The outcome where names that the page says nothing of are vectors; None where shapes do not fit even so."""
        before = self.save()
        self.context.ranks = {**self.context.ranks, **dict.fromkeys(vectors, 1)}
        outcome = self.attempt(formula)
        if any(v.cause is not None and v.cause.name == "shapes that cannot be" for v in outcome.verdicts):
            self.restore(before)
            return None
        outcome.read_as(f"{', '.join(vectors)} read as a vector")
        return outcome

    def save(self) -> tuple[Context, Term | None, dict[int, Conditions], Conditions | None]:
        """The state before an attempt."""
        context = copy.copy(self.context)
        for name in ("shapes", "defined", "abstract", "order", "values", "ranks", "declared_extents"):
            setattr(context, name, copy.copy(getattr(self.context, name)))
        context.extents = self.context.extents.copy()
        return context, self.head, dict(self.by_heading), self.local

    def restore(self, state: tuple[Context, Term | None, dict[int, Conditions], Conditions | None]) -> None:
        """Take an earlier state up again."""
        self.context, self.head, self.by_heading, self.local = state

    def attempt(self, formula: Formula, mend: bool = True) -> Outcome:
        """What one reading says; ``mend`` says that the right form of what is wrong is wanted too."""
        outcome, self.mend = Outcome(), mend
        for statement in in_order(formula.statements, self.context):
            try:
                self.statement(statement, outcome)
            except CovectorError as error:
                part = error.part if isinstance(error, UnreadError) else statement.span
                line, column = self.reading.snippet.place(part.start)
                wrong = isinstance(error, MisfitError)
                cause = Cause(error.cause, error.message) if isinstance(error, MisfitError) else None
                outcome.verdicts.append(
                    Verdict("wrong" if wrong else "not understood", self.text(statement), error.message,
                            cause=cause, line=line, column=column)
                )  # fmt: skip
        return outcome

    def text(self, item: Statement | m.Math) -> str:
        """As it was written."""
        return self.reading.snippet.text[item.span.start : item.span.end].strip()

    def statement(self, statement: Statement, outcome: Outcome) -> None:
        """What one statement says."""
        symbols = {sign.symbol for sign in statement.signs}
        if not symbols:
            self.bare(statement, outcome)
        elif "∈" in symbols:
            self.membership(statement, outcome)
        elif symbols <= {"≠"} or (symbols == {"="} and self.is_condition(statement)):
            self.condition(statement, outcome)
        elif (says := states_of(statement)) is not None:
            outcome.says.append(says)
        elif symbols <= {"=", ":=", "≜", "≡"}:
            self.chain(statement, outcome)
        else:
            raise UnreadError(f"the relation {' '.join(sorted(symbols))} is not checked", statement.signs[0].span)

    # Declarations.

    def membership(self, statement: Statement, outcome: Outcome) -> None:
        """``B ∈ R^{…}``: a declaration; wrong where an extent is called like the tensor itself."""
        name, space = statement.terms[0], statement.terms[-1]
        if isinstance(space, m.Space) and isinstance(name, m.Name):
            own = next((e for e in space.extents if show(e) == name.name), None)
            if own is not None:
                outcome.verdicts.append(own_extent(self.notes, self.reading, statement, own))
                return
        outcome.says.append("a declaration")

    # What stands alone.

    def bare(self, statement: Statement, outcome: Outcome) -> None:
        """A term without a relation: the head of what follows, the gradients of a backward, or a mere name."""
        term = statement.terms[0]
        if isinstance(term, m.Tuple) and self.backward(term, outcome):
            return
        block = self.reading.block
        alone = self.reading.snippet.display or (isinstance(block, Paragraph) and block.bare)
        if alone and isinstance(term, (m.Derivative, m.Matrix, m.Product, m.Apply, m.Reduction)):
            self.head = Term(term, self.reading.snippet)
            outcome.says.append("the left side of what follows")
            return
        outcome.says.append("a name" if isinstance(term, (m.Name, m.Indexed)) else "an expression that is talked about")

    def backward(self, term: m.Tuple, outcome: Outcome) -> bool:
        """``(gradient, -gradient)``: what the operation gives back, one gradient for each of its inputs."""
        names = {node.name for node in m.walk(term) if isinstance(node, m.Name)}
        claims = self.claims()
        outs = claims.translator.outputs()
        if not outs or not (names & {*COTANGENTS}) or outs[0] not in self.context.defined:
            return False
        body = self.context.defined[outs[0]][0].body
        inputs = list(dict.fromkeys(node.name for node in m.walk(body) if isinstance(node, m.Name)))
        if len(inputs) != len(term.items):
            return False
        for name, item in zip(inputs, term.items, strict=True):
            left = m.Differential(item.span, "∇", m.Name(item.span, name))
            found = self.claims().judge([Term(left, self.reading.snippet), Term(item, self.reading.snippet)])
            said = f"read as the gradient by {name}"
            outcome.verdicts += [
                replace(v, claim=f"∇{name} = {self.text(item)}", reading="; ".join(p for p in (said, v.reading) if p))
                for v in found
            ]
        return True

    # Chains.

    def claims(self) -> Claims:
        """What judges claims made here."""
        layout = self.layouts.at(self.reading)
        patience = self.patience if self.mend else Patience(0.0)
        return Claims(self.context, self.conditions(), self.notes.known, layout, self.parts, patience)

    def chain(self, statement: Statement, outcome: Outcome) -> None:
        """``a = b = c``: what it defines, and what it claims."""
        terms = [Term(term, self.reading.snippet) for term in statement.terms]
        if not statement.continues and is_recurrence(statement, self.context):
            outcome.says.append("a recurrence: what one step makes of the one before")
            return
        if not statement.continues and is_assumption(statement, self.context):
            outcome.says.append("an assumption")
            if (known := normalised_by(statement)) is not None:
                self.context.normalised = {**self.context.normalised, known[0]: known[1]}
            return
        if self.implied and not statement.continues and (letters := implied_sums(*statement.terms[:2])):
            raise UnreadError(
                f"{letters[0]} stands twice and no sum is written: with Σ this can be read", statement.span
            )
        if statement.continues:
            if self.head is None:
                raise UnreadError("this goes on from nothing", statement.span)
            outcome.verdicts += self.claims().judge([self.head, *terms])
            return
        if len(terms) == 2 and entry_definition(terms[0].node, terms[1].node):
            outcome.says.append("what the entries of a Jacobian are")
        elif not self.defines(terms, outcome):
            outcome.verdicts += self.claims().judge(terms)
        self.head = terms[0]
        self.local = None

    def defines(self, terms: list[Term], outcome: Outcome) -> bool:
        """Take what the chain defines; False where it only claims."""
        found = defined_by(terms[0].node, self.context)
        if found is None:
            return False
        name, indices = found
        if self.conditions().same or self.conditions().unequal:
            return False
        if len(terms) > 2:
            terms = [terms[0], *(term for term in terms[1:] if not own_entries(term.node, name))]
        body = terms[1].node
        if isinstance(body, m.Number) and name in self.context.values:
            outcome.says.append(f"{name} is {body.text}")
            return True
        if self.opaque(name, body, outcome):
            return True
        if any(isinstance(n, m.Name) and n.name == name for n in m.walk(body)) and indices is None:
            outcome.says.append(f"an update of {name}")
            return True
        left = terms[0].node
        of = left.arguments[0] if isinstance(left, m.Apply) and len(left.arguments) == 1 else None
        item = Defined(name, indices, body, self.reading.snippet.line, self.section, of)
        before = self.context.defined.get(name, [])
        if before and indices is not None and other_entry(indices, before):
            self.context.define(item, fresh=False)
            outcome.says.append(f"another entry of {name} is defined")
            return True
        if before and not self.again(terms, item, before, outcome):
            return True
        if not before:
            self.first(item, terms, outcome)
        return True

    def opaque(self, name: str, body: m.Math, outcome: Outcome) -> bool:
        """``z = L(Y)``, ``y = f(x)``: functions of which nothing is said."""
        if not isinstance(body, m.Apply) or not isinstance(body.function, m.Name):
            return False
        function = body.function.name
        if function in (*FUNCTIONS, *SUMS, *self.context.defined, *self.context.shapes):
            return False
        if function in SOFTMAXES and self.claims().translator.has_axes(body.arguments[0]):
            return False
        if function in CONCRETE or name in CONCRETE:
            self.context.loss_of = body.arguments[0]
            outcome.says.append(f"{name} is the loss, a function of {show(body.arguments[0])}")
        else:
            self.context.abstract = {**self.context.abstract, name: (function, body.arguments)}
            outcome.says.append(f"{name} is a function {function} of {', '.join(map(show, body.arguments))}")
        return True

    def first(self, item: Defined, terms: list[Term], outcome: Outcome) -> None:
        """A name that is defined for the first time, or again in another section."""
        self.context.define(item, fresh=True)
        outcome.says.append(f"{item.name} is defined")
        if item.indices is None or not any(isinstance(p, m.Number) for p in item.indices):
            self.fits(item, terms)
        self.rest(item, terms, outcome)

    def fits(self, item: Defined, terms: list[Term]) -> None:
        """Whether what is defined has the declared shape; raises where it has not."""
        translator = self.claims().translator
        declared = self.context.shapes.get(item.name)
        translator.node = terms[1].node
        for _ in range(2):
            value: Value = translator.definition(item.name)
        if declared is None:
            self.context.shapes[item.name] = value.shape
            return
        extents = self.context.extents
        if len(declared) != len(value.shape) or not all(map(extents.unify, declared, value.shape)):
            shapes = (value.shape, declared)
            said, wanted = (" × ".join(repr(extents.resolve(e)) for e in s) or "a number" for s in shapes)
            raise MisfitError(f"{item.name} is declared as {wanted}, and this is {said}", terms[1].node.span)

    def rest(self, item: Defined, terms: list[Term], outcome: Outcome) -> None:
        """The further terms of a definition: claims, or names for what is there."""
        for term in terms[2:]:
            fresh = new_names(term.node, self.context)
            further = Defined(item.name, item.indices, term.node, item.line, item.section)
            if fresh:
                self.context.define(further, fresh=False)
                for name, positions, body in solved(term.node, item.name, fresh):
                    self.context.shape(name)
                    self.context.define(Defined(name, positions, body, item.line, item.section), fresh=False)
                outcome.says.append(f"{', '.join(sorted(fresh))} named")
                continue
            verdicts = self.claims().judge([terms[0], term])
            outcome.verdicts += verdicts
            if all(verdicts):
                self.context.define(further, fresh=False)

    def again(self, terms: list[Term], item: Defined, before: list[Defined], outcome: Outcome) -> bool:
        """A name that is defined already: a claim about it, or in another section a new definition."""
        known = [term for term in terms[1:] if not new_names(term.node, self.context)]
        verdicts = self.claims().judge([terms[0], *known]) if known else []
        elsewhere = before[0].section != item.section
        if verdicts and all(verdicts):
            outcome.verdicts += verdicts
            for term in known:
                self.context.define(replace(item, body=term.node), fresh=False)
            return False
        if elsewhere or not known:
            self.context.shapes.pop(item.name, None)
            declared = [d for d in self.notes.declarations.shapes if d.name == item.name and self.is_here(d)]
            for one in declared:
                self.context.declare(one)
            self.first(item, terms, outcome)
            return False
        outcome.verdicts += verdicts
        return False

    def is_here(self, item: Declaration) -> bool:
        """Whether a declaration stands in this formula, or was made in words before it."""
        return item.line >= (self.section[-1] if self.section else 0) and item.line <= self.reading.snippet.line + 40

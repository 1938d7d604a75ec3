"""What a statement defines, and statements in which nothing can be wrong."""

from __future__ import annotations

from itertools import pairwise

from covector.notes import math as m
from covector.notes.context import Context, Defined
from covector.notes.formula import Formula, Statement
from covector.notes.show import show
from covector.notes.translate import FUNCTIONS, SUMS

_STATES = {
    "→": "a step from one thing to another", "→≈": "a first-order change", "≈": "an approximation",
    ":": "a map between spaces", "<": "a bound", ">": "a bound", "≤": "a bound", "≥": "a bound", "⇒": "an implication",
    "∝": "a proportionality", "~": "a distribution", "∼": "a distribution",
}  # fmt: skip


def states_of(statement: Statement) -> str | None:
    """As what a statement is taken in which nothing is claimed; None where it claims or defines something."""
    for sign in statement.signs:
        if sign.symbol in _STATES:
            return _STATES[sign.symbol]
    for term in statement.terms:
        for node in m.walk(term):
            if isinstance(node, m.Limit):
                return "the definition of a derivative"
            if isinstance(node, m.Dots):
                return "what the entries are, in a pattern"
    return None


def defined_by(left: m.Math, context: Context) -> tuple[str, tuple[m.Math, ...] | None] | None:
    """The name, and the indices, that a left side defines; None where it can only claim."""
    if isinstance(left, m.Name):
        stem = left.name[1:] if left.name[0] == "d" else ""
        gradient = stem in context.declared or stem in context.defined
        return None if gradient and left.name not in (*context.declared, *context.defined) else (left.name, None)
    if isinstance(left, m.Indexed) and isinstance(left.base, m.Name):
        before = context.defined.get(left.base.name, [])
        known = bool(before) and not other_entry(left.positions, before)
        known = known or (not before and defined_by(left.base, context) is None)
        return None if known else (left.base.name, left.positions)
    if isinstance(left, m.Apply) and isinstance(left.function, m.Name):
        name = left.function.name
        if name in context.defined or name in FUNCTIONS or name in SUMS:
            return None
        letters = any(isinstance(a, m.Indexed) for a in left.arguments)
        return name, (left.arguments if letters else None)
    return None


def other_entry(positions: tuple[m.Math, ...], before: list[Defined]) -> bool:
    """Whether ``y_2 = …`` defines an entry beside those that are defined, each by its numbers."""
    entries = [one.indices for one in before]
    numbered = all(indices and all(isinstance(p, m.Number) for p in indices) for indices in (positions, *entries))
    own = [show(position) for position in positions]
    return numbered and all([show(position) for position in indices or ()] != own for indices in entries)


def in_order(statements: tuple[Statement, ...], context: Context) -> list[Statement]:
    """The statements of a formula, with what defines a name before what uses it: ``y = g z, z = c / s``."""
    left = list(statements)
    found: list[Statement] = []
    while left:
        one = next((s for s in left if not any(_needs(s, o, context) for o in left if o is not s)), left[0])
        left.remove(one)
        found.append(one)
    return found


def _needs(one: Statement, other: Statement, context: Context) -> bool:
    """Whether a statement uses what another defines, and the page has said nothing of it before."""
    body = one.terms[1] if len(one.terms) > 1 else None
    if isinstance(body, m.Apply) and show(body.function) not in FUNCTIONS:
        return False  # a function of which nothing is said needs nothing either
    name = _new_name(other, context)
    used = {n.name for term in one.terms[1:] for n in m.walk(term) if isinstance(n, m.Name)}
    return name is not None and _new_name(one, context) is not None and name in used


def _new_name(statement: Statement, context: Context) -> str | None:
    """The name that a statement is the first to define."""
    if statement.continues or not statement.signs:
        return None
    found = defined_by(statement.terms[0], context)
    return found[0] if found is not None and found[0] not in context.defined else None


def is_recurrence(statement: Statement, context: Context) -> bool:
    """``w_{t+1} = w_t - η g_t``: an entry of something that is defined nowhere, by the entry of a step before."""
    left = statement.terms[0]
    if not isinstance(left, m.Indexed) or not isinstance(left.base, m.Name) or left.base.name in context.defined:
        return False
    others = [n for term in statement.terms[1:] for n in m.walk(term) if isinstance(n, m.Indexed)]
    own = [n for n in others if show(n.base) == left.base.name and len(n.positions) == len(left.positions)]
    return any(_shifted(a, b) for n in own for a, b in zip(left.positions, n.positions, strict=True))


def _shifted(one: m.Math, other: m.Math) -> bool:
    """Whether two positions differ by a number: ``t + 1`` and ``t``."""
    letters = [{n.name for n in m.walk(place) if isinstance(n, m.Name)} for place in (one, other)]
    plain = all(isinstance(n, (m.Name, m.Sum, m.Number)) for place in (one, other) for n in m.walk(place))
    return plain and letters[0] == letters[1] and len(letters[0]) == 1 and show(one) != show(other)


def is_assumption(statement: Statement, context: Context) -> bool:
    """``\\sum_k t_k = 1``: a number said of what the page only declares."""
    if len(statement.terms) != 2 or not isinstance(statement.terms[1], m.Number):
        return False
    left = statement.terms[0]
    if not isinstance(left, (m.Reduction, m.Norm, m.Absolute)):
        return False
    names = {n.name for n in m.walk(left) if isinstance(n, m.Name)}
    derived = any(isinstance(n, (m.Derivative, m.Differential)) for n in m.walk(left))
    return not derived and not names & {*context.defined, *context.given}


def normalised_by(statement: Statement) -> tuple[str, int] | None:
    """The tensor whose elements ``\\sum_k y_k = 1`` says to have the sum 1, and along which axis."""
    left, right = statement.terms
    if not isinstance(left, m.Reduction) or left.operation != "sum" or show(right) != "1" or len(left.bindings) != 1:
        return None
    body, letter = left.body, show(left.bindings[0].index)
    if not isinstance(body, m.Indexed) or not isinstance(body.base, m.Name):
        return None
    places = [show(position) for position in body.positions]
    return (body.base.name, places.index(letter)) if places.count(letter) == 1 else None


def vectors_in(formula: Formula, context: Context) -> list[str]:
    """The names of which the page says nothing, and that stand to the right of a matrix: ``A x``."""
    found: dict[str, None] = {}
    products = (n for s in formula.statements for term in s.terms for n in m.walk(term) if isinstance(n, m.Product))
    for product in products:
        for left, right in pairwise(product.factors):
            if not isinstance(left, m.Name) or not isinstance(right, m.Name) or len(right.name) > 1:
                continue
            said = right.name in context.ranks or right.name in context.defined or right.name in context.declared
            if not said and right.name.islower() and len(context.shapes.get(left.name, ())) == 2:
                found[right.name] = None
    return list(found)


def implied_sums(left: m.Math, right: m.Math) -> list[str]:
    """The letters over which a product is only meant to be summed: they stand in it twice, and on the left nowhere."""
    own = {letter for node in m.walk(left) for letter in _places(node)}
    found: list[str] = []
    for product in (node for node in m.walk(right) if isinstance(node, m.Product)):
        letters = [letter for factor in product.factors for letter in {p for n in m.walk(factor) for p in _places(n)}]
        found += [letter for letter in letters if letters.count(letter) > 1 and letter not in own]
    bound = {letter for node in m.walk(right) if isinstance(node, m.Binding) for letter in _letters(node)}
    return sorted({*found} - bound)


def _places(node: m.Math) -> list[str]:
    """The letters that are positions of an element."""
    positions = node.positions if isinstance(node, m.Indexed) else ()
    return [position.name for position in positions if isinstance(position, m.Name)]


def chain_rule(left: m.Math, right: m.Math, context: Context) -> bool:
    """Whether ``right`` is the chain rule for ``left`` through something of which the page says nothing."""
    if not (isinstance(left, m.Derivative) and isinstance(right, m.Product)) or len(left.by) != 1:
        return False
    steps = [f for f in right.factors if isinstance(f, m.Derivative) and len(f.by) == 1]
    if len(steps) != len(right.factors) or show(steps[0].of) != show(left.of):
        return False
    if show(steps[-1].by[0]) != show(left.by[0]):
        return False
    between = [(show(a.by[0]), show(b.of)) for a, b in pairwise(steps)]
    return all(a == b and a not in context.defined for a, b in between)


def entry_definition(left: m.Math, right: m.Math) -> bool:
    """``(∂y/∂x)_{i,j} = ∂y_i/∂x_j``: what the entries of a Jacobian are."""
    if not isinstance(left, m.Indexed) or not isinstance(right, m.Derivative) or len(right.by) != 1:
        return False
    base = left.base
    while isinstance(base, m.Tuple) and len(base.items) == 1:
        base = base.items[0]
    of, by = right.of, right.by[0]
    if not (isinstance(base, m.Derivative) and isinstance(of, m.Indexed) and isinstance(by, m.Indexed)):
        return False
    same = (show(base.of), show(base.by[0])) == (show(of.base), show(by.base))
    return same and [*map(show, left.positions)] == [*map(show, (*of.positions, *by.positions))]


def own_entries(node: m.Math, name: str) -> bool:
    """Whether a term only lists the entries of a name: ``y = (y_1, y_2)``."""
    items: list[m.Math] = []
    if isinstance(node, m.Tuple):
        items = list(node.items)
    elif isinstance(node, m.Matrix):
        items = [entry for row in node.rows for entry in row.entries]
    return bool(items) and all(
        isinstance(i, m.Indexed) and isinstance(i.base, m.Name) and i.base.name == name for i in items
    )


def solved(term: m.Math, name: str, fresh: set[str]) -> list[tuple[str, tuple[m.Math, ...], m.Math]]:
    """What new entries are by ``name = [z_1 + b; …]``: ``z_1 = name_1 - b``."""
    if not isinstance(term, m.Matrix) or any(len(row.entries) != 1 for row in term.rows):
        return []
    found: list[tuple[str, tuple[m.Math, ...], m.Math]] = []
    for number, row in enumerate(term.rows, 1):
        (entry,) = row.entries
        if not isinstance(entry, m.Sum) or entry.signs[0] != "+":
            continue
        first, span = entry.terms[0], entry.span
        if isinstance(first, m.Indexed) and isinstance(first.base, m.Name) and first.base.name in fresh:
            whole = m.Indexed(span, m.Name(span, name), (m.Number(span, str(number)),))
            signs = ("+", *("-" if sign == "+" else "+" for sign in entry.signs[1:]))
            found.append((first.base.name, first.positions, m.Sum(span, (whole, *entry.terms[1:]), signs)))
    return found


def new_names(node: m.Math, context: Context) -> set[str]:
    """The names of values in a tree that the page has not used before."""
    found: set[str] = set()
    stack = [node]
    while stack:
        top = stack.pop()
        if isinstance(top, m.Name):
            if not _known(top.name, context):
                found.add(top.name)
        elif isinstance(top, m.Indexed):
            stack.append(top.base)
        elif isinstance(top, m.Apply):
            stack += [a for a in top.arguments if not isinstance(a, m.Name)]
        elif isinstance(top, m.Derivative):
            continue
        elif not isinstance(top, m.Binding):
            stack.extend(m.children(top))
    return found - {b for n in m.walk(node) if isinstance(n, m.Binding) for b in _letters(n)}


def _letters(binding: m.Binding) -> set[str]:
    return {n.name for n in m.walk(binding) if isinstance(n, m.Name)}


def _known(name: str, context: Context) -> bool:
    capital = name[:1].upper() + name[1:]
    known = capital in context.defined and capital != name
    return known or name in (*context.met, *context.declared, *context.defined, *FUNCTIONS)

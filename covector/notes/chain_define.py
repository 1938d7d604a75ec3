"""What a statement defines, and statements in which nothing can be wrong."""

from __future__ import annotations

from covector.notes import math as m
from covector.notes.context import Context
from covector.notes.formula import Statement
from covector.notes.translate import FUNCTIONS

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
        return left.name, None
    if isinstance(left, m.Indexed) and isinstance(left.base, m.Name) and not left.upper:
        known = left.base.name in context.defined
        return None if known else (left.base.name, left.positions)
    if isinstance(left, m.Apply) and isinstance(left.function, m.Name):
        name = left.function.name
        if name in context.defined:
            return None
        letters = any(isinstance(a, m.Indexed) for a in left.arguments)
        return name, (left.arguments if letters else None)
    return None


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
    return name in context.met or name in context.shapes or name in context.defined or name in FUNCTIONS

"""A tree on one line, fully bracketed, for people who look for what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from covector.notes import math as m
from covector.notes.formula import Formula, Statement

_SIMPLE = (m.Number, m.Name, m.Indexed, m.Apply, m.Dots, m.Tuple, m.Matrix, m.Symbol, m.Choice, m.Norm, m.Absolute)


def show(item: m.Math | Formula | Statement) -> str:
    """``item`` on one line; a choice as ``‹first | second›``.

    >>> from covector.notes.latex import read_formula
    >>> show(read_formula("Y_{ij} = \\\\sum_k W_{ik} X_{kj} + b_i"))
    'Y[i, j] = sum{k}(W[i, k] X[k, j]) + b[i]'
    """
    if isinstance(item, Formula):
        return "; ".join(show(statement) for statement in item.statements)
    if isinstance(item, Statement):
        parts: list[str] = [f"{item.word}:"] if item.word else []
        for k, term in enumerate(item.terms):
            sign = k if item.continues else k - 1
            if sign >= 0:
                label = item.signs[sign].label
                parts.append(item.signs[sign].symbol + (f"[{show(label)}]" if label is not None else ""))
            parts.append(show(term))
        return " ".join(parts)
    return _RULES[type(item)](item)


def _tight(node: m.Math) -> str:
    """``node`` in brackets, unless it needs none anywhere."""
    return show(node) if isinstance(node, _SIMPLE) else f"({show(node)})"


def _list(nodes: Iterable[m.Math]) -> str:
    return ", ".join(show(node) for node in nodes)


def _signed(terms: tuple[m.Math, ...], signs: tuple[str, ...]) -> str:
    """Terms of a sum; products in it need no brackets."""
    shown = [show(term) if isinstance(term, (m.Product, m.Reduction)) else _loose(term) for term in terms]
    first = shown[0] if signs[0] == "+" else f"{signs[0]}{shown[0]}"
    return " ".join([first, *(f"{sign} {term}" for sign, term in zip(signs[1:], shown[1:], strict=True))])


def _loose(node: m.Math) -> str:
    """``node`` as a factor or a term."""
    bare = (m.Fraction, m.Derivative, m.Power, m.Transpose, m.Reduction, m.Differential, m.Prime, m.Cases)
    return show(node) if isinstance(node, bare) else _tight(node)


def _product(node: m.Product) -> str:
    parts = [_loose(node.factors[0])]
    for sign, factor in zip(node.signs, node.factors[1:], strict=True):
        parts += [sign, _loose(factor)] if sign else [_loose(factor)]
    return " ".join(parts)


def _derivative(node: m.Derivative) -> str:
    above = f"{node.symbol}{node.order if node.order > 1 else ''}" if node.marked else f"[{node.symbol}]"
    below = " ".join(f"{node.symbol}{_tight(by)}" for by in node.by)
    return f"{above}{_tight(node.of)}/{below}"


def _differential(node: m.Differential) -> str:
    order = str(node.order) if node.order > 1 else ""
    by = f"[{show(node.by)}]" if node.by is not None else ""
    return f"{node.symbol}{order}{by}{_tight(node.operand)}"


def _binding(node: m.Binding) -> str:
    if node.condition is not None:
        return show(node.condition)
    lower = f"={show(node.lower)}" if node.lower is not None else ""
    upper = f"..{show(node.upper)}" if node.upper is not None else ""
    return show(node.index) + lower + upper


def _comparison(node: m.Comparison) -> str:
    parts = [show(node.terms[0])]
    for sign, term in zip(node.signs, node.terms[1:], strict=True):
        parts += [sign, show(term)]
    return " ".join(parts)


def _tuple(node: m.Tuple) -> str:
    closer = {"(": ")", "[": "]", "{": "}", "⟨": "⟩", "": ""}[node.bracket]
    return f"{node.bracket or '('}{_list(node.items)}{closer or ')'}"


def _indexed(node: m.Indexed) -> str:
    return f"{_tight(node.base)}{'^' if node.upper else ''}[{_list(node.positions)}]"


_RULES: dict[type[m.Math], Callable[[Any], str]] = {
    m.Number: lambda n: n.text,
    m.Name: lambda n: n.name,
    m.Words: lambda n: f'"{n.text}"',
    m.Symbol: lambda n: f"sign {n.symbol}",
    m.Dots: lambda n: "…",
    m.Placeholder: lambda n: "·",
    m.Slice: lambda n: ":",
    m.Sum: lambda n: _signed(n.terms, n.signs),
    m.Negative: lambda n: f"-{_tight(n.operand)}",
    m.Product: _product,
    m.Fraction: lambda n: f"{_tight(n.numerator)}/{_tight(n.denominator)}",
    m.Power: lambda n: f"{_tight(n.base)}^{_tight(n.exponent)}",
    m.Transpose: lambda n: f"{_tight(n.operand)}ᵀ",
    m.Prime: lambda n: _tight(n.operand) + "'" * n.order,
    m.Indexed: _indexed,
    m.Keyword: lambda n: f"{n.name}={show(n.value)}",
    m.Apply: lambda n: f"{_tight(n.function)}({_list(n.arguments)})",
    m.Differential: _differential,
    m.Derivative: _derivative,
    m.Comparison: _comparison,
    m.Binding: _binding,
    m.Reduction: lambda n: f"{n.operation}{{{_list(n.bindings)}}}({show(n.body)})",
    m.Limit: lambda n: f"lim{{{show(n.variable)} → {show(n.target)}}}({show(n.body)})",
    m.Norm: lambda n: f"‖{show(n.body)}‖" + (f"[{show(n.order)}]" if n.order is not None else ""),
    m.Absolute: lambda n: f"|{show(n.body)}|",
    m.At: lambda n: f"{_tight(n.body)}|[{show(n.condition)}]",
    m.Tuple: _tuple,
    m.Row: lambda n: _list(n.entries),
    m.Matrix: lambda n: f"matrix[{'; '.join(show(row) for row in n.rows)}]",
    m.Case: lambda n: show(n.value) + (f" if {show(n.condition)}" if n.condition is not None else " otherwise"),
    m.Cases: lambda n: f"cases{{{'; '.join(show(case) for case in n.cases)}}}",
    m.Space: lambda n: f"{n.field}^{{{_list(n.extents)}}}",
    m.Choice: lambda n: f"‹{' | '.join(show(option) for option in n.options)}›",
}

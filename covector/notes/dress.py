"""Putting scripts and arguments on an operand, in each way they can be read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from covector.notation.syntax import Span
from covector.notes.math import (
    Apply,
    Choice,
    Indexed,
    Keyword,
    Math,
    Name,
    Negative,
    Number,
    Placeholder,
    Power,
    Prime,
    Product,
    Transpose,
    within,
)
from covector.notes.stream import choice
from covector.notes.vocabulary import FUNCTION_LETTERS, FUNCTION_WORDS, WORDS


@dataclass(frozen=True, slots=True)
class Script:
    """What was written after an operand: *sub*, *sup*, *label*, *transpose*, *prime*, *upper* or *call*.

    ``readings`` are the positions of a subscript or the arguments of a call, in each way they can be read; ``label``
    the label that the script is instead.
    """

    kind: str
    span: Span
    readings: tuple[tuple[Math, ...], ...] = ()
    label: str = ""


def dress(base: Math, scripts: list[Script]) -> Math:
    """``base`` with its scripts, in each way they can be read."""
    for k, script in enumerate(scripts):
        if script.kind == "call":
            return _called(_scripted(base, scripts[:k]), script, scripts[k + 1 :])
    return _scripted(base, scripts)


def _called(function: Math, script: Script, after: list[Script]) -> Math:
    span = Span(function.span.start, script.span.end)
    options: list[Math] = [_scripted(Apply(span, function, arguments), after) for arguments in script.readings]
    style = _style(function, script.readings[0])
    key = f"call {_key(function)}"
    if len(options) > 1:
        return choice(options, f"arguments {_key(function)}", "a comma inside the subscript of an argument")
    if style == "call":
        return options[0]
    grouped = _scripted(within(script.readings[0][0], script.span), after)
    whole = Span(function.span.start, grouped.span.end)
    times = Product(whole, (function, grouped), ("",))
    both = [options[0], times] if style == "call first" else [times, options[0]]
    return choice(both, key, "a bracket after a name: its arguments, or a factor")


def _style(function: Math, arguments: tuple[Math, ...]) -> str:
    """Whether a bracket after ``function`` holds its arguments."""
    name = function.name if isinstance(function, Name) else ""
    if len(arguments) != 1 or isinstance(arguments[0], (Placeholder, Keyword)) or isinstance(function, (Prime, Power)):
        return "call"
    if (
        name in FUNCTION_LETTERS
        or name in FUNCTION_WORDS
        or "." in name
        or (isinstance(function, Name) and function.font)
    ):
        return "call"
    simple = isinstance(arguments[0], (Name, Number, Indexed, Transpose, Choice))
    if len(name) > 2:
        return "call" if simple else "call first"
    return "call first" if simple else "product first"


def _key(node: Math) -> str:
    if isinstance(node, Name):
        return node.name
    if isinstance(node, Indexed):
        return f"{_key(node.base)}_"
    return "…"


def _scripted(base: Math, scripts: list[Script]) -> Math:
    for script in scripts:
        if script.kind == "label" and isinstance(base, Name) and not _is_field(base):
            label = script.label if script.label in ("*", "†", "+", "-", "'") else f"^{script.label}"
            base = replace(base, name=base.name + label, span=Span(base.span.start, script.span.end))
    subscripts = [script for script in scripts if script.kind == "sub"]
    transposed = [script for script in scripts if script.kind == "transpose"]
    others = [script for script in scripts if script.kind not in ("sub", "transpose", "label")]
    lost = [script for script in scripts if script.kind == "label" and (not isinstance(base, Name) or _is_field(base))]
    for script in lost:
        base = Power(Span(base.span.start, script.span.end), base, Name(script.span, script.label))
    if subscripts and transposed:
        base = _transposed_element(base, subscripts[0], transposed[0], first=scripts.index(transposed[0]) == 0)
    elif subscripts:
        for script in subscripts:
            base = _subscripted(base, script)
    else:
        for script in transposed:
            base = _transpose(base, script)
    for script in others:
        base = _other(base, script)
    return base


def _is_field(base: Name) -> bool:
    """Whether this is the R of ``R^{features}``."""
    return base.font == "mathbb" or base.name in ("R", "ℝ")


def _transposed_element(base: Math, sub: Script, transpose: Script, *, first: bool) -> Math:
    """``X_{jc}^T``: an element of the transpose, or the transpose of what the subscript names."""
    span = Span(base.span.start, max(sub.span.end, transpose.span.end))
    of_transpose = replace(_subscripted(_transpose(base, transpose), sub), span=span)
    of_element = replace(_transpose(_subscripted(base, sub), transpose), span=span)
    several = first or len(sub.readings[0]) > 1
    options: list[Math] = [of_transpose, of_element] if several else [of_element, of_transpose]
    return choice(options, f"transposed {_key(base)}", "a subscript and a transpose: which comes first")


def _transpose(base: Math, script: Script) -> Math:
    span = Span(base.span.start, max(base.span.end, script.span.end))
    if script.label == "inverse":
        one = Negative(script.span, Number(script.span, "1"))
        return Transpose(span, Power(span, base, one))
    transposed = Transpose(span, base)
    if not script.readings:
        return transposed
    return choice([transposed, Power(span, base, script.readings[0][0])], "T", "T: the transpose, or an exponent")


def _subscripted(base: Math, script: Script) -> Math:
    span = Span(base.span.start, max(base.span.end, script.span.end))
    options: list[Math] = [Indexed(span, base, positions) for positions in script.readings]
    key, reason = f"subscript {_key(base)}", "what a subscript without commas means"
    if not script.label or not isinstance(base, Name):
        return choice(options, key, reason)
    labelled = Name(span, f"{base.name}_{script.label}", base.font)
    key, reason = f"{key} {script.label}", "a subscript: a label, or indices"
    if script.label in WORDS or len(script.label) > 4 or not script.label.isalpha() or not script.label.isascii():
        return choice([labelled, *options], key, reason)
    return choice([*options, labelled], key, reason)


def _other(base: Math, script: Script) -> Math:
    span = Span(base.span.start, max(base.span.end, script.span.end))
    if script.kind == "prime":
        return Prime(span, base, len(script.label))
    if script.kind == "upper":
        return _raised(span, base, script.readings[0])
    return Power(span, base, script.readings[0][0])


def _raised(span: Span, base: Math, positions: tuple[Math, ...]) -> Math:
    """``x^{(i)}``, ``x_j^{(i)}``: a first axis; ``W^{(1)}`` is a name of its own."""
    if isinstance(base, Choice):
        return replace(base, span=span, options=tuple(_raised(span, option, positions) for option in base.options))
    own = base.base if isinstance(base, Indexed) else base
    before = base.positions if isinstance(base, Indexed) else ()
    if isinstance(own, Name) and all(isinstance(position, Number) for position in positions):
        label = ",".join(position.text for position in positions if isinstance(position, Number))
        name = replace(own, name=f"{own.name}^({label})")
        return Indexed(span, name, before) if before else replace(name, span=span)
    if isinstance(base, Indexed) and isinstance(own, Name) and not base.upper:
        return Indexed(span, own, (*positions, *before), upper=True)
    return Indexed(span, base, positions, upper=True)

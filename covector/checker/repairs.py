"""Repairs of a claim: what it would be with one small change to what was written, each with its cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from covector.checker.claims import rebuilt
from covector.checker.reading import Reading
from covector.ir import Compute
from covector.notation import syntax
from covector.notation.print import text
from covector.notation.scope import syntax_walk
from covector.notation.syntax import Syntax


@dataclass(frozen=True)
class Repair:
    """A right side with one change, the cause that it points to, and a sentence."""

    right: Syntax
    name: str
    sentence: str


def repairs(reading: Reading) -> Iterator[Repair]:
    """Changes to try, the likeliest first."""
    matrix = (_axes, _contracted, _wrapped, _products, _transposes, _extra)
    tries = (_positions, _letters, _deltas, _reductions, _extra) if reading.element else matrix
    for make in tries:
        yield from make(reading)


def _said(reading: Reading, node: Syntax) -> str:
    return reading.source[node.span.start : node.span.end].strip()


def _replaced(reading: Reading, node: Syntax, new: Syntax) -> Syntax:
    return rebuilt(reading.right, lambda part: new if part == node else part)  # type: ignore[no-any-return]


def _each(reading: Reading, kind: type[Syntax], wanted: Callable[[Syntax], bool] = lambda _: True) -> Iterator[Syntax]:
    for node in syntax_walk(reading.right):
        if isinstance(node, kind) and wanted(node):
            yield node


def _contracted(reading: Reading) -> Iterator[Repair]:
    """A product element by element made a matrix product, as it stands."""
    for node in _each(reading, syntax.Operator) if reading.true.shape else ():
        assert isinstance(node, syntax.Operator)
        if node.symbol == "*" and len(node.operands) == 2:
            sentence = f"{_said(reading, node)} is taken element by element, and a matrix product is meant"
            yield Repair(
                _replaced(reading, node, replace(node, symbol="@")), "elementwise for matrix product", sentence
            )


def _products(reading: Reading) -> Iterator[Repair]:
    """Operands of a matrix product exchanged or transposed; an element-wise product made a matrix product."""
    for node in _each(reading, syntax.Operator):
        assert isinstance(node, syntax.Operator)
        if node.symbol not in ("@", "*") or len(node.operands) != 2:
            continue
        first, second = node.operands
        said = f"{_said(reading, first)} {node.symbol} {_said(reading, second)}"
        for left, right, swapped, turned in _arrangements(first, second):
            new = replace(node, symbol="@", operands=(left, right))
            if node.symbol == "*":
                name, what = (
                    "elementwise for matrix product",
                    "is taken element by element, and a matrix product is meant",
                )
            elif not swapped and not turned:
                continue
            elif swapped:
                name, what = "swapped operands", "has its operands in the wrong order"
            else:
                name, what = "transposed", f"has {turned} transposed"
                turned_nodes = [n for n, own in ((left, first), (right, second)) if n is not own]
                names = " and ".join(_plain(reading, n) for n in turned_nodes)
                what = f"needs {names}"
            yield Repair(_replaced(reading, node, new), name, f"{said} {what}")


def _arrangements(first: Syntax, second: Syntax) -> Iterator[tuple[Syntax, Syntax, bool, str]]:
    for swapped in (False, True):
        for turn_first in (False, True):
            for turn_second in (False, True):
                one = _turned(first) if turn_first else first
                other = _turned(second) if turn_second else second
                pair = (other, one) if swapped else (one, other)
                yield *pair, swapped, "an operand" if turn_first or turn_second else ""


def _turned(node: Syntax) -> Syntax:
    return node.operand if isinstance(node, syntax.Transpose) else syntax.Transpose(node.span, node)


def _plain(reading: Reading, node: Syntax) -> str:
    if isinstance(node, syntax.Transpose):
        inner = _said(reading, node.operand)
        return f"{inner}.T" if isinstance(node.operand, syntax.Name) else f"({inner}).T"
    return _said(reading, node).removesuffix(".T")


def _transposes(reading: Reading) -> Iterator[Repair]:
    """A name transposed, or no longer."""
    for node in _each(reading, syntax.Transpose):
        assert isinstance(node, syntax.Transpose)
        sentence = f"{_said(reading, node)} stands where {_said(reading, node.operand)} belongs"
        yield Repair(_replaced(reading, node, node.operand), "transposed", sentence)
    for node in _each(reading, syntax.Name):
        turned = syntax.Transpose(node.span, node)
        yield Repair(
            _once(reading, node, turned),
            "transposed",
            f"{_said(reading, node)} needs a transpose: {_said(reading, node)}.T",
        )
    yield Repair(syntax.Transpose(reading.right.span, reading.right), "transposed", "this is the transpose")


def _once(reading: Reading, node: Syntax, new: Syntax) -> Syntax:
    """The right side with one place replaced, and nothing below what was put there."""
    done = False

    def change(part: Syntax) -> Syntax:
        nonlocal done
        if part == node and not done:
            done = True
            return new
        return part

    return rebuilt(reading.right, change)  # type: ignore[no-any-return]


def _wrapped(reading: Reading) -> Iterator[Repair]:
    """The whole right side summed over an axis that the left side does not have."""
    claimed = reading.claimed
    if claimed is None or reading.element:
        return
    for axis in range(len(claimed.shape)):
        yield from _over(reading, claimed, (axis,))
    if len(claimed.shape) > 2:
        for first in range(len(claimed.shape)):
            for second in range(first + 1, len(claimed.shape)):
                yield from _over(reading, claimed, (first, second))


def _over(reading: Reading, claimed: Compute, axes: tuple[int, ...]) -> Iterator[Repair]:
    extents = [claimed.shape[axis] for axis in axes]
    if all(extent.is_constant and extent.constant == 1 for extent in extents):
        name, over = "shapes that cannot be", "there is an axis of extent 1 too many"
    else:
        sizes = " and ".join(f"{axis} (of {text(extent)})" for axis, extent in zip(axes, extents, strict=True))
        name, over = "missing sum", f"the sum over axis {sizes} is missing"
    span = reading.right.span
    numbers = tuple(syntax.Number(span, str(axis)) for axis in axes)
    axis_value: Syntax = numbers[0] if len(numbers) == 1 else syntax.Sequence(span, numbers)
    yield Repair(syntax.Call(span, "sum", (reading.right,), (("axis", axis_value),)), name, over)
    if name == "missing sum":
        wrapped = syntax.Call(span, "mean", (reading.right,), (("axis", axis_value),))
        yield Repair(wrapped, "missing mean", over.replace("sum", "mean"))


def _axes(reading: Reading) -> Iterator[Repair]:
    """A reduction over another axis."""
    for node in _each(reading, syntax.Call):
        assert isinstance(node, syntax.Call)
        keywords = dict(node.keywords)
        for axis in ("0", "1", "2", "none"):
            given = syntax.Name(node.span, axis) if axis == "none" else syntax.Number(node.span, axis)
            new = replace(node, keywords=tuple({**keywords, "axis": given}.items()))
            if "axis" in keywords or len(node.arguments) > 1:
                name, sentence = "sum over the wrong axis", f"{_said(reading, node)} runs over the wrong axis"
            else:
                name, sentence = (
                    f"extra {node.function}",
                    f"{_said(reading, node)} runs over all axes, not axis {axis} alone",
                )
            yield Repair(_replaced(reading, node, new), name, sentence)
        other = {"sum": "mean", "mean": "sum"}.get(node.function)
        if other:
            name = f"{node.function} for {other}"
            yield Repair(
                _replaced(reading, node, replace(node, function=other)),
                name,
                f"{node.function} stands where {other} belongs",
            )


def _positions(reading: Reading) -> Iterator[Repair]:
    """The positions of a read exchanged."""
    for node in _each(reading, syntax.Subscript):
        assert isinstance(node, syntax.Subscript)
        for first, second in combinations(range(len(node.positions)), 2):
            moved = list(node.positions)
            moved[first], moved[second] = moved[second], moved[first]
            new = replace(node, positions=tuple(moved))
            yield Repair(
                _replaced(reading, node, new), "transposed", f"{_said(reading, node)} has its indices exchanged"
            )


def _letters(reading: Reading) -> Iterator[Repair]:
    """Another index in one place of a read."""
    letters = [index.name for index in reading.true.indices]
    letters += [b.name for n in _each(reading, syntax.Reduction) for b in n.indices]  # type: ignore[attr-defined]
    for node in _each(reading, syntax.Subscript):
        assert isinstance(node, syntax.Subscript)
        for n, position in enumerate(node.positions):
            for letter in dict.fromkeys(letters):
                if isinstance(position, syntax.Name) and position.name != letter:
                    moved = (*node.positions[:n], replace(position, name=letter), *node.positions[n + 1 :])
                    said = f"{node.name}[{','.join(_letter(reading, p) for p in moved)}]"
                    sentence = f"{_said(reading, node)} stands where {said} belongs"
                    yield Repair(_replaced(reading, node, replace(node, positions=moved)), "wrong index", sentence)


def _deltas(reading: Reading) -> Iterator[Repair]:
    """Another index on one side of a delta or a condition."""
    letters = [index.name for index in reading.true.indices]
    letters += [b.name for n in _each(reading, syntax.Reduction) for b in n.indices]  # type: ignore[attr-defined]
    for node in _each(reading, syntax.Syntax, _compares):
        fields = node.operands if isinstance(node, syntax.Operator) else node.arguments  # type: ignore[attr-defined]
        for n, side in enumerate(fields):
            for letter in dict.fromkeys(letters):
                if isinstance(side, syntax.Name) and side.name != letter:
                    moved = (*fields[:n], replace(side, name=letter), *fields[n + 1 :])
                    if isinstance(node, syntax.Operator):
                        new: Syntax = replace(node, operands=moved)
                    else:
                        new = replace(node, arguments=moved)  # type: ignore[call-arg]
                    sentence = f"{side.name} stands where {letter} belongs in {_said(reading, node)}"
                    yield Repair(_replaced(reading, node, new), "wrong index", sentence)


def _compares(node: Syntax) -> bool:
    if isinstance(node, syntax.Operator):
        return node.symbol in ("==", "!=", "<", "<=")
    return isinstance(node, syntax.Call) and node.function in ("δ", "delta")


def _reductions(reading: Reading) -> Iterator[Repair]:
    """A mean where a sum belongs, or the other way round."""
    for node in _each(reading, syntax.Reduction):
        assert isinstance(node, syntax.Reduction)
        other = {"sum": "mean", "mean": "sum", "max": "sum", "min": "max"}.get(node.operation)
        if other:
            name, sentence = f"{node.operation} for {other}", f"{_said(reading, node)} should be a {other}"
            yield Repair(_replaced(reading, node, replace(node, operation=other)), name, sentence)


def _extra(reading: Reading) -> Iterator[Repair]:
    """A term or a factor that does not belong there, or a term with the other sign."""
    for node in _each(reading, syntax.Operator):
        assert isinstance(node, syntax.Operator)
        if node.symbol not in ("+", "-", "*", "/"):
            continue
        for n, operand in enumerate(node.operands):
            rest = (*node.operands[:n], *node.operands[n + 1 :])
            if node.symbol in ("-", "/"):
                rest = node.operands[: 1 if n else 0]
            if not rest:
                continue
            kept = rest[0] if len(rest) == 1 else replace(node, operands=rest)
            what = "term" if node.symbol in ("+", "-") else "factor"
            sentence = f"the {what} {_said(reading, operand)} does not belong there"
            yield Repair(_replaced(reading, node, kept), f"extra {what}", sentence)
        if node.symbol in ("+", "*"):
            other = "*" if node.symbol == "+" else "+"
            name = "product for sum" if node.symbol == "*" else "sum for product"
            sentence = f"{_said(reading, node)} should be joined by {other}"
            yield Repair(_replaced(reading, node, replace(node, symbol=other)), name, sentence)
        if node.symbol in ("+", "-") and len(node.operands) == 2:
            flipped = replace(node, symbol="-" if node.symbol == "+" else "+")
            sentence = f"the sign of {_said(reading, node.operands[1])} is wrong"
            yield Repair(_replaced(reading, node, flipped), "sign", sentence)


def _letter(reading: Reading, node: Syntax) -> str:
    return node.name if isinstance(node, syntax.Name) else _said(reading, node)

"""Print expressions, equations and programs: in the notation, in Unicode for the terminal, and in LaTeX.

What the calculus makes (sums of products of powers) is shown as a person writes it: ``a - b``, ``a / b``, ``sqrt(x)``,
``mean[k](…)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import isnan
from typing import Any

from covector.errors import BudgetError
from covector.ir.affine import Affine, Floor, Index, Mod, Symbol
from covector.ir.element import Apply, Bracket, Expr, Literal, Read, Reduce, Select
from covector.ir.node import Node
from covector.ir.tensor import Compute, Input, Opaque, Program
from covector.ir.walk import children, walk
from covector.notation.latex import Latex
from covector.notation.needs import extent_is_inferred, loose_reads
from covector.notation.resugar import Fractional, conjuncts, exact_number, facing, fractional, is_delta, range_of, sides
from covector.notation.styles import Bound, Piece, Style, Unicode

STYLES: Mapping[str, Style] = {"notation": Style(), "unicode": Unicode(), "latex": Latex()}
MAX_LEVELS = 1_000
MAX_CHARACTERS = 500_000

_ONE = Piece("1")


def text(node: Expr | Index | Symbol | Compute | Opaque | Input | Program, style: str = "notation") -> str:
    """An expression, an equation or a program as text.

    >>> from covector.ir import Symbol, as_affine
    >>> text(as_affine(Symbol("M")) * 2 + 1, "unicode")
    '2·M + 1'
    """
    if isinstance(node, Program):
        return program_text(node, style)
    if isinstance(node, (Compute, Opaque)):
        return equation(node, style)
    if isinstance(node, Input):
        return _declaration(node, STYLES[style])
    chosen = STYLES[style]
    return chosen.show(_Printer(chosen, node).piece(node))


def equation(tensor: Compute | Opaque, style: str = "notation") -> str:
    """A statement as an equation: ``linear[i,j] = …``.

    >>> from covector.ir import Compute, Index, Input, Read, as_affine
    >>> i = Index("i", as_affine(3))
    >>> equation(Compute("y", (i,), Read(Input("x", (as_affine(3),), "float64"), (as_affine(i),))))
    'y[i] = x[i]'
    """
    return STYLES[style].equation(*_sides_of(tensor, STYLES[style]))


def shape_text(shape: Iterable[Affine], style: str = "notation") -> str:
    """A shape: as in a declaration, or with ``×``.

    >>> from covector.ir import Symbol, as_affine
    >>> shape_text((as_affine(Symbol("M")), as_affine(3)), "unicode")
    'M×3'
    """
    return STYLES[style].shape(_pieces(shape, STYLES[style]))


def name_text(name: str, style: str = "notation") -> str:
    r"""A name as a style writes it.

    >>> name_text("weight", "latex")
    '\\mathrm{weight}'
    """
    return STYLES[style].name(name)


def program_text(program: Program, style: str = "notation") -> str:
    """Declarations of the inputs, then the statements.

    >>> from covector.ir import Input, Program, as_affine
    >>> program_text(Program((Input("x", (as_affine(3),), "float32"),), (), ()))
    'x: 3 float32'
    """
    chosen = STYLES[style]
    lines = [_declaration(tensor, chosen) for tensor in program.inputs]
    for statement in program.statements:
        left, right = _sides_of(statement, chosen)
        lines.append(chosen.equation(left + (" &" if style == "latex" else ""), right))
    return chosen.program(lines)


def _declaration(tensor: Input, style: Style) -> str:
    return style.declaration(tensor.name, _pieces(tensor.shape, style), tensor.dtype)


def _pieces(forms: Iterable[Affine], style: Style) -> list[Piece]:
    return [_Printer(style, form).piece(form) for form in forms]


def _sides_of(tensor: Compute | Opaque, style: Style) -> tuple[str, str]:
    """The left and the right side of a statement."""
    if isinstance(tensor, Opaque):
        return style.name(tensor.name), style.call(
            tensor.function, [Piece(style.name(argument.name)) for argument in tensor.tensors]
        ).text
    printer = _Printer(style, tensor.body)
    right = style.show(printer.piece(tensor.body))
    return style.target(tensor.name, printer.bounds(tensor.indices, tensor.body)), right


class _Printer:
    """The pieces of one expression, made from the leaves, each once."""

    def __init__(self, style: Style, root: Node) -> None:
        self.style = style
        self._done: dict[Node, Piece] = {}
        self._levels: dict[Node, int] = {}
        try:
            self._loose = loose_reads(root) if style.exact else frozenset()
        except RecursionError:
            raise _too_deep() from None

    def piece(self, root: Node) -> Piece:
        """The piece of an expression."""
        try:
            for node in walk(root) if root not in self._done else ():
                if node not in self._done:
                    self._add_piece(node)
        except RecursionError:
            raise _too_deep() from None
        return self._done[root]

    def _add_piece(self, node: Node) -> None:
        """The piece of a node whose children have theirs."""
        level = 1 + max((self._levels[child] for child in children(node)), default=0)
        if level > MAX_LEVELS:
            raise _too_deep()
        piece = _MAKERS[type(node)](self, node)
        if len(piece.text) > MAX_CHARACTERS:
            raise BudgetError(
                f"this expression has more than {MAX_CHARACTERS:,} characters when it is written out",
                hint="name a part of it in a statement of its own",
            )
        self._levels[node], self._done[node] = level, piece

    def bounds(self, indices: Sequence[Index], scope: Expr) -> list[Bound]:
        """Indices where they are bound, with the extents that the scope does not tell."""
        return [Bound(index.name, self._extent(index, scope)) for index in indices]

    def _extent(self, index: Index, scope: Expr) -> str | None:
        if not self.style.exact or extent_is_inferred(index, scope):
            return None
        return self.style.show(self.piece(index.extent))

    def _atom(self, node: Index | Symbol) -> Piece:
        return Piece(self.style.name(node.name))

    def _affine(self, form: Affine) -> Piece:
        """Positive terms first, products before plain terms, the constant last."""
        terms = sorted(form.terms, key=lambda term: (term[1] < 0, -len(term[0]), -abs(term[1])))
        pieces = []
        for monomial, coefficient in terms:
            factors = [] if abs(coefficient) == 1 else [Piece(str(abs(coefficient)))]
            product = self.style.product([*factors, *(self._done[atom] for atom in monomial)])
            pieces.append(self.style.negated(product) if coefficient < 0 else product)
        if form.constant or not pieces:
            constant = Piece(str(abs(form.constant)), negative=form.constant < 0)
            leads = bool(pieces) and pieces[0].negative and form.constant > 0
            pieces.insert(0 if leads else len(pieces), constant)
        return self.style.sum(pieces)

    def _floor(self, node: Floor) -> Piece:
        return self.style.floor(self._done[node.numerator], self._done[node.denominator])

    def _modulo(self, node: Mod) -> Piece:
        return self.style.modulo(self._done[node.numerator], self._done[node.denominator])

    def _read(self, node: Read) -> Piece:
        positions = [self.style.show(self._done[position]) for position in node.positions]
        return self.style.access(node.tensor.name, positions, node in self._loose)

    def _literal(self, node: Literal) -> Piece:
        value = node.value
        if isinstance(value, bool):
            return Piece(self.style.constants[str(value).lower()])
        if isinstance(value, Fraction):
            found = self.style.number(abs(value))
        else:
            special = "nan" if isnan(value) else "inf" if abs(value) == float("inf") else None
            found = Piece(self.style.constants[special] if special else repr(abs(value)))
        return self.style.negated(found) if value < 0 else found

    def _reduce(self, node: Reduce) -> Piece:
        return self.style.reduction(node.operation, self.bounds(node.indices, node.body), self._done[node.body])

    def _bracket(self, node: Bracket) -> Piece:
        condition = node.condition
        if isinstance(condition, Apply) and is_delta(condition):
            left, right = sides(condition)[1:]
            return self.style.delta(self._side(left), self._side(right))
        return self.style.bracket(self._condition(condition, in_bracket=True))

    def _select(self, node: Select) -> Piece:
        rows, rest = [], node
        while True:
            rows.append((self._done[rest.condition], self._done[rest.then]))
            if not isinstance(rest.otherwise, Select):
                return self.style.select(rows, self._done[rest.otherwise])
            rest = rest.otherwise

    def _apply(self, node: Apply) -> Piece:
        make = _FUNCTIONS.get(node.function.name)
        if make is not None and node.arguments:
            return make(self, node)
        return self.style.call(node.function.name, [self._done[argument] for argument in node.arguments])

    def _add(self, node: Apply) -> Piece:
        terms = [self._done[argument] for argument in node.arguments]
        return self.style.sum(terms, lead=_applies(node.arguments[0], "sub"))

    def _subtract(self, node: Apply) -> Piece:
        left, right = (self._done[argument] for argument in node.arguments)
        return self.style.sum([left, self.style.negated(right)], lead=_applies(node.arguments[0], "add", "sub"))

    def _negative(self, node: Apply) -> Piece:
        return self.style.negated(self._done[node.arguments[0]])

    def _fraction(self, node: Apply) -> Piece:
        return self._fractional(fractional(node))

    def _fractional(self, parts: Fractional) -> Piece:
        """A product with what stands below the line."""
        style = self.style
        guards = [top for top in parts.tops if parts.guarded and isinstance(top, (Bracket, tuple))]
        tops = [self._factor(factor) for factor in parts.tops if factor not in guards]
        bottoms = [self._raised(base, exponent) for base, exponent in parts.bottoms]
        above, below = style.number(parts.numerator), style.number(Fraction(parts.denominator))
        if parts.denominator != 1:
            bottoms.insert(0, below)
        first = parts.tops[0] if parts.tops else None
        if bottoms and tops and parts.numerator != 1 and parts.bottoms_are_constant:
            result = style.product([style.coefficient(above, style.product(bottoms)), *tops], lead=True)
        else:
            alone = len(tops) == 1 and parts.numerator == 1
            if parts.numerator != 1 or not tops:
                tops.insert(0, above)
            result = style.product(tops, lead=_applies(first, "div"))
            if bottoms:
                result = style.quotient(result, style.product(bottoms), lead=not alone or _applies(first, "mul", "div"))
        if guards:
            result = style.product([*map(self._factor, guards), result])
        return style.negated(result) if parts.negative else result

    def _factor(self, factor: Any) -> Piece:
        """A factor, a mean that was recognised, or two brackets that make a range."""
        if isinstance(factor, tuple):
            operands, names = range_of(*factor) or ((), ())
            return self.style.bracket(self._chain(operands, names, True))
        if isinstance(factor, Reduce) and factor.operation == "mean":
            return self._reduce(factor)
        return self.piece(factor)

    def _raised(self, base: Expr, exponent: Fraction) -> Piece:
        raised = self.piece(base)
        if exponent == 1:
            return raised
        if exponent == Fraction(1, 2):
            return self.style.call("sqrt", [raised])
        return self.style.power(raised, self.style.exponent(exponent))

    def _power(self, node: Apply) -> Piece:
        base, exponent = node.arguments
        exact = exact_number(exponent)
        if exact is None:
            return self.style.power(self._done[base], self._done[exponent])
        if exact < 0:
            return self._fraction(node)
        return self.style.power(self._done[base], _ONE) if exact == 1 else self._raised(base, exact)

    def _condition(self, condition: Expr, in_bracket: bool) -> Piece:
        if isinstance(condition, Apply) and condition.arguments:
            if condition.function.name in _COMPARISONS:
                name, *operands = facing(*sides(condition))
                return self._chain(operands, (name,), in_bracket)
            if condition.function.name == "and":
                return self._conjunction(condition, in_bracket)
        return self._done[condition]

    def _comparison(self, node: Apply) -> Piece:
        return self._condition(node, in_bracket=False)

    def _conjunction(self, node: Apply, in_bracket: bool = False) -> Piece:
        """Conditions joined by ``and``; neighbours that share an operand become a chain."""
        parts = [
            self._chain(*part, in_bracket) if isinstance(part, tuple) else self._condition(part, in_bracket)
            for part in conjuncts(node)
        ]
        return parts[0] if len(parts) == 1 else self.style.logic("and", parts)

    def _disjunction(self, node: Apply) -> Piece:
        return self.style.logic("or", [self._done[argument] for argument in node.arguments])

    def _negation(self, node: Apply) -> Piece:
        return self.style.negation(self._done[node.arguments[0]])

    def _chain(self, operands: Sequence[Expr], names: Sequence[str], in_bracket: bool) -> Piece:
        return self.style.comparison([self._side(operand) for operand in operands], names, in_bracket)

    def _side(self, side: Expr) -> Piece:
        """One side of a comparison; an integer expression may have been moved across, so it is made anew."""
        return self._affine(side) if isinstance(side, Affine) else self._done[side]


def _applies(expr: Any, *names: str) -> bool:
    return isinstance(expr, Apply) and expr.function.name in names


def _too_deep() -> BudgetError:
    return BudgetError(
        f"this expression is nested deeper than {MAX_LEVELS:,} levels",
        hint="name a part of it in a statement of its own",
    )


_MAKERS: Mapping[type, Callable[[_Printer, Any], Piece]] = {
    Index: _Printer._atom,
    Symbol: _Printer._atom,
    Affine: _Printer._affine,
    Floor: _Printer._floor,
    Mod: _Printer._modulo,
    Literal: _Printer._literal,
    Read: _Printer._read,
    Reduce: _Printer._reduce,
    Bracket: _Printer._bracket,
    Select: _Printer._select,
    Apply: _Printer._apply,
}
_COMPARISONS = ("eq", "ne", "lt", "le")
_FUNCTIONS: Mapping[str, Callable[[_Printer, Apply], Piece]] = {
    "add": _Printer._add,
    "sub": _Printer._subtract,
    "neg": _Printer._negative,
    "mul": _Printer._fraction,
    "div": _Printer._fraction,
    "pow": _Printer._power,
    "and": _Printer._conjunction,
    "or": _Printer._disjunction,
    "not": _Printer._negation,
    **dict.fromkeys(_COMPARISONS, _Printer._comparison),
}

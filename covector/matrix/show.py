"""Printing the tree: in matrix notation, which can be read back, and in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from covector.ir import Affine
from covector.matrix.tree import (
    Bracket,
    Call,
    Extent,
    Logic,
    Matmul,
    Name,
    Node,
    Number,
    Power,
    Product,
    Sum,
    Transposed,
)
from covector.notation.print import STYLES, text
from covector.notation.styles import Level, Piece

_COMPARISONS = ("eq", "ne", "lt", "le")
_MADE = {"ones": r"\mathbf{1}", "zeros": r"\mathbf{0}", "eye": "I"}
_SHAPED = ("broadcast_to", "reshape", "sum_to_size")
_PLAIN = ("trace", "diag", "tril", "triu", "cumsum")
_REDUCTIONS = ("sum", "mean", "prod", "max", "min", "any", "all")


def notation(node: Node) -> str:
    """A matrix expression in the notation.

    >>> notation(Matmul((), Name((), "x"), Sum((), ((1, Name((), "y")), (-1, Name((), "z"))))))
    'x @ (y - z)'
    """
    return Text().show(node)


def latex(node: Node) -> str:
    r"""A matrix expression in LaTeX.

    >>> latex(Matmul((), Name((), "x"), Name((), "y")))
    'x\\,y'
    """
    return Latex().show(node)


class Text:
    """The notation."""

    style = STYLES["notation"]

    def show(self, node: Node) -> str:
        """The text of a whole expression."""
        return self.style.show(self.piece(node))

    def piece(self, node: Node) -> Piece:
        """The text of a node, with how tightly it holds together."""
        if isinstance(node, Name):
            return Piece(self.style.name(node.name))
        if isinstance(node, Number):
            return self.number(node)
        if isinstance(node, Extent):
            return self.extent(node.form)
        if isinstance(node, Transposed):
            return self.transposed(node)
        if isinstance(node, Matmul):
            return self.matmul(node)
        if isinstance(node, Product):
            return self.product(node)
        if isinstance(node, Sum):
            pieces = [self.piece(term) for _, term in node.terms]
            signs = [sign for sign, _ in node.terms]
            return self.style.sum([p if s > 0 else self.style.negated(p) for s, p in zip(signs, pieces, strict=True)])
        if isinstance(node, Power):
            return self.style.power(self.piece(node.base), self.piece(node.exponent))
        if isinstance(node, Logic):
            return self.logic(node)
        if isinstance(node, Bracket):
            return self.bracket(node)
        assert isinstance(node, Call)
        return self.call(node)

    def number(self, node: Number) -> Piece:
        """A number or a constant."""
        value = node.value
        if isinstance(value, str):
            return self.style.call(value, ())
        if isinstance(value, bool):
            return Piece(self.style.constants[str(value).lower()])
        if isinstance(value, Fraction):
            found = self.style.number(abs(value))
        else:
            found = Piece(self.style.constants["inf"]) if abs(value) == float("inf") else Piece(repr(abs(value)))
        return self.style.negated(found) if value < 0 else found

    def extent(self, form: Affine) -> Piece:
        """The value of an extent."""
        return Piece(text(form), Level.ATOM if form.atom is not None or form.is_constant else Level.SUM)

    def transposed(self, node: Transposed) -> Piece:
        """``x.T``."""
        return Piece(self.style.show(self.piece(node.body), Level.ATOM) + ".T")

    def matmul(self, node: Matmul) -> Piece:
        """``a @ b @ c``; products of elements in it stand in parentheses."""
        parts = [self.style.show(self.piece(factor), Level.ATOM) for factor in chain(node)]
        return Piece(" @ ".join(parts), Level.QUOTIENT)

    def product(self, node: Product) -> Piece:
        """Factors above and below."""
        bottoms = [self.piece(factor) for factor in node.bottoms]
        tops = node.tops or (Number((), Fraction(1)),)
        pieces = [self.piece(factor) for factor in tops]
        scales = all(not factor.axes for factor in tops[:-1])
        lead = all(not factor.axes for factor in node.bottoms)
        if isinstance(tops[-1], Matmul) and scales and (lead or len(tops) == 1):
            top = self.scaled(pieces)
        else:
            top = self.style.product(pieces)
        if not bottoms:
            return top
        return self.style.quotient(top, self.style.product(bottoms), lead or not isinstance(tops[-1], Matmul))

    def scaled(self, pieces: Sequence[Piece]) -> Piece:
        """A matrix product times numbers, which stand before it: ``2 * A @ B``."""
        last = pieces[-1]
        if len(pieces) == 1:
            return last
        head = self.style.product(pieces[:-1])
        least = Level.QUOTIENT
        bare = replace(head, negative=False)
        joined = self.style.join([self.style.show(bare, least), last.text])
        return Piece(joined, Level.QUOTIENT, head.negative)

    def logic(self, node: Logic) -> Piece:
        """A comparison or a connective."""
        operands = [self.piece(operand) for operand in node.operands]
        if node.function == "not":
            return self.style.negation(operands[0])
        if node.function in ("and", "or"):
            return self.style.logic(node.function, operands)
        name = node.function
        if name in ("lt", "le") and not node.operands[0].axes and node.operands[1].axes:
            sign = {"lt": ">", "le": self.greater_equal}[name]
            right, left = (self.style.show(operand, Level.SUM) for operand in operands)
            return Piece(f"{left} {sign} {right}", Level.COMPARE)
        return self.style.comparison(operands, (name,))

    greater_equal = ">="

    def bracket(self, node: Bracket) -> Piece:
        """A condition as a number: the condition itself, which broadcasts as 0 and 1."""
        return self.piece(node.condition)

    def call(self, node: Call) -> Piece:
        """A function with its keywords."""
        parts = [f'"{node.equation}"'] if node.equation else []
        parts += [self.show(argument) for argument in node.arguments]
        if node.function == "transpose":
            parts += [_keyword(value) for _, value in node.keywords]
        else:
            parts += [f"{name}={_keyword(value)}" for name, value in node.keywords]
        return Piece(f"{node.function}({', '.join(parts)})")


class Latex(Text):
    """LaTeX that KaTeX and MathJax both take."""

    style = STYLES["latex"]
    greater_equal = r"\ge"

    def extent(self, form: Affine) -> Piece:
        """The value of an extent."""
        return Piece(text(form, "latex"), Level.ATOM if form.atom is not None or form.is_constant else Level.SUM)

    def transposed(self, node: Transposed) -> Piece:
        r"""``x^{\top}``."""
        return Piece(rf"{self.style.show(self.piece(node.body), Level.ATOM)}^{{\top}}", Level.POWER)

    def matmul(self, node: Matmul) -> Piece:
        r"""Matrices side by side; a vector before others is transposed."""
        left = node.left
        if isinstance(left, Matmul) and len(left.axes) == 1 and len(chain(left)[0].axes) != 1:
            right = self.style.show(self.piece(node.right), Level.POWER)
            return Piece(self.style.join([rf"{self.style.group(self.show(left))}^{{\top}}", right]), Level.PRODUCT)
        factors = chain(node)
        parts = [self.style.show(self.piece(factor), Level.POWER) for factor in factors]
        if len(factors[0].axes) == 1:
            parts[0] = rf"{self.style.show(self.piece(factors[0]), Level.ATOM)}^{{\top}}"
        return Piece(self.style.join(parts), Level.PRODUCT)

    def product(self, node: Product) -> Piece:
        r"""Numbers side by side, arrays with ``\odot``; a fraction over numbers, ``\oslash`` over arrays."""
        numbers = [factor for factor in node.tops if not factor.axes]
        scales = [self.scalar(factor, len(node.tops) > 1) for factor in numbers]
        below = [self.piece(factor) for factor in node.bottoms if not factor.axes]
        arrays = [factor for factor in node.tops if factor.axes]
        divisors = [factor for factor in node.bottoms if factor.axes]
        top = self.hadamard(arrays)
        if divisors:
            left = self.style.show(top, Level.PREFIX) if top else "1"
            right = self.style.show(self.hadamard(divisors) or Piece("1"), Level.PREFIX)
            top = Piece(rf"{left} \oslash {right}", Level.QUOTIENT)
        factors = [*scales, *([top] if top else [])] or [Piece("1")]
        if not below:
            return self.joined(factors)
        if top is not None and (len(top.text) > 24 or divisors):
            return self.joined([self.style.quotient(self.joined(scales or [Piece("1")]), self.joined(below)), top])
        return self.style.quotient(self.joined(factors), self.joined(below))

    def scalar(self, node: Node, among: bool) -> Piece:
        """A factor that is a number; a matrix product among others stands in parentheses."""
        piece = self.piece(node)
        return Piece(self.style.group(piece.text)) if among and isinstance(node, Matmul) else piece

    def joined(self, factors: Sequence[Piece]) -> Piece:
        """Factors side by side."""
        return self.style.product(factors) if len(factors) > 1 else factors[0]

    def hadamard(self, factors: Sequence[Node]) -> Piece | None:
        r"""Arrays multiplied element by element."""
        if not factors:
            return None
        if len(factors) == 1:
            return self.piece(factors[0])
        parts = [self.style.show(self.piece(factor), Level.PREFIX) for factor in factors]
        return Piece(r" \odot ".join(parts), Level.QUOTIENT)

    def bracket(self, node: Bracket) -> Piece:
        """An Iverson bracket."""
        return self.style.bracket(self.piece(node.condition))

    def call(self, node: Call) -> Piece:
        """A function; keywords stand below its name."""
        if node.function == "outer":
            left, right = (self.style.show(self.piece(part), Level.ATOM) for part in node.arguments)
            return Piece(rf"{left}\,{right}^{{\top}}", Level.PRODUCT)
        if node.function == "expand_dims" and len(node.axes) == 2 and node.axes[1] is None:
            inner = self.style.show(self.piece(node.arguments[0]), Level.POWER)
            return Piece(rf"{inner}\,\mathbf{{1}}^{{\top}}", Level.PRODUCT)
        if node.function in _MADE:
            below = r" \times ".join(self.show(extent) for extent in node.arguments)
            return Piece(rf"{_MADE[node.function]}_{{{below}}}")
        if node.function in _SHAPED:
            return self.shaped(node)
        pieces = [self.piece(argument) for argument in node.arguments]
        if not node.keywords and not node.equation and node.function not in (*_REDUCTIONS, *_PLAIN):
            return self.style.call(node.function, pieces)
        shown = ", ".join(self.style.show(piece) for piece in pieces)
        return Piece(rf"{self.head(node)}\left({shown}\right)")

    def shaped(self, node: Call) -> Piece:
        """A function whose arguments after the first are a shape, which stands below its name."""
        inner, *extents = node.arguments
        name = node.function.replace("_", r"\_")
        below = r" \times ".join(self.show(extent) for extent in extents)
        return Piece(rf"\operatorname{{{name}}}_{{{below}}}\left({self.show(inner)}\right)")

    def head(self, node: Call) -> str:
        """The name of a function with its keywords below."""
        name = {"trace": "tr"}.get(node.function, node.function).replace("_", r"\_")
        if node.equation:
            letters, arrow, output = node.equation.partition("->")
            below = letters + (rf" \to {output}" if arrow else "")
            return rf"\operatorname{{{name}}}_{{{below}}}"
        shown = [rf"\mathrm{{{key}}}={_latex_keyword(value)}" for key, value in node.keywords if key != "keepdims"]
        return rf"\operatorname{{{name}}}" + (f"_{{{', '.join(shown)}}}" if shown else "")


def chain(node: Matmul) -> list[Node]:
    """The factors of a matrix product that need no parentheses, as it is associative."""
    left = chain(node.left) if isinstance(node.left, Matmul) else [node.left]
    if isinstance(node.right, Matmul):
        right = chain(node.right)
        ranks = [len(factor.axes) for factor in (*left, *right)]
        # a @ (v @ B) with a vector v is not (a @ v) @ B, and vectors part batches of matrices otherwise.
        if len(right[0].axes) > 1 and (max(ranks) <= 2 or min(ranks) >= 2):
            return [*left, *right]
    return [*left, node.right]


def _keyword(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return text(value) if isinstance(value, Affine) else str(value)


def _latex_keyword(value: object) -> str:
    return text(value, "latex") if isinstance(value, Affine) else str(value)

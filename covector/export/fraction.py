"""Products as a person sees them: a number, what stands above the line, what stands below it, and the brackets."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from covector.calculus.build import delta_form, mul
from covector.ir import Affine, Apply, Bracket, Expr, Index, Literal, Read, as_affine, substitute
from covector.ir.affine import free


@dataclass
class Product:
    """``number · tops / bottoms`` where all of the brackets hold, otherwise 0; each base goes with its exponent."""

    number: Fraction = Fraction(1)
    tops: list[tuple[Expr, Fraction]] = field(default_factory=list)
    bottoms: list[tuple[Expr, Fraction]] = field(default_factory=list)
    brackets: list[Bracket] = field(default_factory=list)


def product_of(expr: Expr) -> Product:
    """An expression as a product, however it is written.

    A bracket guards the product that it stands in and nothing around it, so an inner product with brackets stays whole.
    """
    result = Product()
    for factor in expr.arguments if _is(expr, "mul") and isinstance(expr, Apply) else (expr,):
        if isinstance(factor, Bracket):
            result.brackets.append(factor)
        else:
            _collect(factor, Fraction(1), result)
    return result


def _collect(expr: Expr, exponent: Fraction, into: Product) -> None:
    whole = exponent.denominator == 1
    if isinstance(expr, Literal) and type(expr.value) is Fraction and whole and (expr.value or exponent > 0):
        into.number *= expr.value**exponent.numerator
    elif isinstance(expr, Apply) and _opens(expr, exponent):
        _open(expr, exponent, into)
    elif exponent < 0:
        into.bottoms.append((expr, -exponent))
    else:
        into.tops.append((expr, exponent))


def _opens(expr: Apply, exponent: Fraction) -> bool:
    """Whether the factors of an expression can stand in the product around it."""
    name = expr.function.name
    if name == "mul":
        return abs(exponent) == 1 and not any(isinstance(factor, Bracket) for factor in expr.arguments)
    if name == "pow":
        power = expr.arguments[1]
        return exponent in (1, -1) and isinstance(power, Literal) and type(power.value) is Fraction and power.value != 0
    return name in ("div", "neg", "sqrt", "rsqrt", "stop") and abs(exponent) == 1


def _open(expr: Apply, exponent: Fraction, into: Product) -> None:
    name, arguments = expr.function.name, expr.arguments
    if name == "neg":
        into.number = -into.number
    if name == "pow":
        power = arguments[1]
        assert isinstance(power, Literal)
        _collect(arguments[0], exponent * Fraction(power.value), into)
    elif name in ("sqrt", "rsqrt"):
        _collect(arguments[0], exponent * Fraction(1 if name == "sqrt" else -1, 2), into)
    else:
        for place, argument in enumerate(arguments):
            _collect(argument, -exponent if name == "div" and place else exponent, into)


def needed_brackets(product: Product) -> list[Bracket]:
    """The brackets of a product; of reads, those that do more than keep one inside its bounds, where it is 0 anyway."""
    if not all(isinstance(base, Read) for base, _ in product.tops) or product.bottoms:
        return product.brackets
    implied: set[Affine] = set()
    for base, _ in product.tops:
        if isinstance(base, Read):
            for position, extent in zip(base.positions, base.tensor.shape, strict=True):
                implied |= {position, extent - position - 1}
    return [bracket for bracket in product.brackets if _natural(bracket) not in implied]


def _natural(bracket: Bracket) -> Affine | None:
    """For ``[0 <= form]`` the form."""
    condition = bracket.condition
    if isinstance(condition, Apply) and condition.function.name == "le":
        left, right = condition.arguments
        if isinstance(left, Affine) and isinstance(right, Affine):
            return right - left
    return None


def without_deltas(indices: tuple[Index, ...], body: Expr) -> tuple[tuple[Index, ...], Expr]:
    """A sum of a product without the indices that a delta says to be another index of the same extent."""
    if not _is(body, "mul") or not isinstance(body, Apply):
        return indices, body
    for factor in body.arguments:
        form = delta_form(factor)
        pair = sorted(free(form), key=lambda i: i.name) if form is not None else []
        if form is None or len(pair) != 2 or pair[0].extent is not pair[1].extent:
            continue
        for gone, kept in (pair, pair[::-1]):
            if gone in indices and form in (as_affine(gone) - kept, as_affine(kept) - gone):
                rest = mul(*(other for other in body.arguments if other is not factor))
                left = tuple(index for index in indices if index is not gone)
                return without_deltas(left, substitute(rest, {gone: as_affine(kept)}))
    return indices, body


def _is(expr: Expr, name: str) -> bool:
    return isinstance(expr, Apply) and expr.function.name == name

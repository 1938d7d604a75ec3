"""Rules for brackets, conditions and selects."""

from __future__ import annotations

from functools import partial
from math import gcd

from covector.calculus.build import EQ, LE, MUL, NE, ONE, ZERO, mul
from covector.calculus.canonical import same
from covector.calculus.rewrite import Rule
from covector.ir import (
    Affine,
    Apply,
    Bracket,
    Expr,
    Floor,
    Index,
    Literal,
    Mod,
    Read,
    ScalarFunction,
    Select,
    Symbol,
    as_affine,
    floor_div,
    modulo,
    substitute,
    transform,
)
from covector.ir.affine import atoms, exact_quotient, free, order
from covector.ir.bounds import nonnegative, within
from covector.ir.fold import fold
from covector.ir.node import Node
from covector.ops import SCALARS

FIRST_OUTPUT_LETTER = "p"

TRUE, FALSE = Literal(True), Literal(False)


def _integers(node: Apply) -> tuple[Affine, Affine] | None:
    left, right = node.arguments
    return (left, right) if isinstance(left, Affine) and isinstance(right, Affine) else None


def fold_comparison(node: Apply) -> Expr | None:
    """Comparisons of integers become ``0 <= form``, ``form = 0`` or ``form != 0``, decided where they can be."""
    pair = _integers(node)
    if pair is None:
        return _compare_numbers(node)
    left, right = pair
    if node.function.name in ("le", "lt"):
        form = right - left - (1 if node.function.name == "lt" else 0)
        form = _tightened(form)
        if _holds(form):
            return TRUE
        return FALSE if _holds(-form - 1) else _unless_same(node, LE, as_affine(0), form)
    form = _oriented(left - right)
    # A delta of two indices of extent 1 holds too, but is of more use: it says which of them a sum can do without.
    zero = len(form.terms) < 2 and nonnegative(form) and nonnegative(-form)
    if zero or nonnegative(form - 1) or nonnegative(-form - 1) or _indivisible(form):
        return TRUE if zero == (node.function is EQ) else FALSE
    return _unless_same(node, node.function, form, as_affine(0))


def _holds(form: Affine) -> bool:
    """Whether ``0 <= form`` is proved; where no index runs, an extent may be 0."""
    if free(form):
        return nonnegative(form)
    positive = all(isinstance(atom, Symbol) for atom in atoms(form)) and all(c >= 0 for _, c in form.terms)
    return positive and form.constant >= 0


def _unless_same(node: Apply, function: ScalarFunction, left: Affine, right: Affine) -> Expr | None:
    changed = Apply(function, (left, right))
    return None if changed is node else changed


def _tightened(form: Affine) -> Affine:
    """``0 <= form`` with the common divisor of its coefficients taken out."""
    common = gcd(*(c for _, c in form.terms)) if form.terms else 1
    return floor_div(form, common) if common > 1 else form


def _oriented(form: Affine) -> Affine:
    """``form = 0`` with its common divisor taken out and its first coefficient positive."""
    common = gcd(*(c for _, c in form.terms), form.constant) or 1
    form = exact_quotient(form, as_affine(common)) or form
    return -form if form.terms and min(form.terms, key=_speaking_order)[1] < 0 else form


def _speaking_order(term: tuple[tuple[Node, ...], int]) -> tuple[object, ...]:
    """The side of a delta that is said first: the index of an output (p, q, …), as in δ(p,i)."""
    atom = term[0][0]
    return (not (isinstance(atom, Index) and atom.name >= FIRST_OUTPUT_LETTER), tuple(map(order, term[0])))


def _indivisible(form: Affine) -> bool:
    """Whether ``form = 0`` has no solution because the coefficients share a divisor that the constant has not."""
    return bool(form.terms) and form.constant % gcd(*(c for _, c in form.terms)) != 0


def _compare_numbers(node: Apply) -> Expr | None:
    left, right = map(fold, node.arguments)
    if isinstance(left, Literal) and isinstance(right, Literal):
        values = {"eq": left.value == right.value, "ne": left.value != right.value}
        values |= {"lt": left.value < right.value, "le": left.value <= right.value}
        return Literal(values[node.function.name])
    if same(left, right) and node.function.name in ("eq", "le"):
        return TRUE
    return FALSE if same(left, right) and node.function.name == "lt" else None


def simplify_positions(node: Read | Apply) -> Expr | None:
    """``⌊(N·i + j) / N⌋`` is i and ``(N·i + j) mod N`` is j where ``0 <= j < N`` is proved, in positions and
    comparisons.
    """
    if isinstance(node, Apply) and _integers(node) is None:
        return None
    changed: Expr = transform(node, _whole_part)
    return None if changed is node else changed


def _whole_part(node: object) -> object:
    if isinstance(node, Affine):
        return _remainder(node)
    if not isinstance(node, (Floor, Mod)):
        return node
    whole, rest = as_affine(0), as_affine(node.numerator.constant)
    for monomial, coefficient in node.numerator.terms:
        term = Affine(((monomial, coefficient),), 0)
        quotient = exact_quotient(term, node.denominator)
        whole, rest = (whole + quotient, rest) if quotient is not None else (whole, rest + term)
    if isinstance(node, Floor):
        return whole + (0 if within(rest, node.denominator) else floor_div(rest, node.denominator))
    return rest if within(rest, node.denominator) else modulo(rest, node.denominator)


def _remainder(form: Affine) -> Affine:
    """The form with ``a - d·⌊a/d⌋`` said as ``a mod d``."""
    for atom in atoms(form):
        if isinstance(atom, Floor) and form.coefficient(atom) is -atom.denominator:
            rest = form + atom.denominator * atom - atom.numerator
            if len(rest.terms) < len(form.terms) - 1:
                return rest + Mod(atom.numerator, atom.denominator)
    return form


def fold_logic(node: Apply) -> Expr | None:
    """Constants in and, or, not; negation reaches the comparison."""
    name = node.function.name
    if name == "not":
        return negated(node.arguments[0])
    absorbing, neutral = (FALSE, TRUE) if name == "and" else (TRUE, FALSE)
    if absorbing in node.arguments:
        return absorbing
    kept = tuple(argument for argument in node.arguments if argument is not neutral)
    if len(kept) == len(node.arguments):
        return None
    return Apply(node.function, kept) if len(kept) > 1 else kept[0] if kept else neutral


def negated(condition: Expr) -> Expr | None:
    """The opposite of a condition, or None where it can only be said with ``not``."""
    if condition in (TRUE, FALSE):
        return FALSE if condition is TRUE else TRUE
    if not isinstance(condition, Apply):
        return None
    name, arguments = condition.function.name, condition.arguments
    if name == "not":
        return arguments[0]
    if name in ("eq", "ne"):
        return Apply(NE if name == "eq" else EQ, arguments)
    if name in ("lt", "le"):
        return Apply(SCALARS["le" if name == "lt" else "lt"], arguments[::-1])
    if name in ("and", "or"):
        opposite = SCALARS["or" if name == "and" else "and"]
        return Apply(opposite, tuple(Apply(SCALARS["not"], (argument,)) for argument in arguments))
    return None


def fold_bracket(node: Bracket) -> Expr | None:
    """``[true]`` is 1, ``[false]`` is 0, and ``[a and b]`` is ``[a]·[b]``."""
    if node.condition is TRUE:
        return ONE
    if node.condition is FALSE:
        return ZERO
    if isinstance(node.condition, Apply) and node.condition.function.name == "and":
        return mul(*(Bracket(part) for part in node.condition.arguments))
    return None


def use_delta(node: Apply) -> Expr | None:
    """Beside ``δ(p,i)`` the index p is i, and beside ``[v = ids[n]]`` a read of ids[n] is v."""
    for factor in node.arguments:
        found = _equal_atoms(factor)
        if found is None:
            continue
        old, new = found
        others = tuple(other if other is factor else substitute(other, {old: new}) for other in node.arguments)
        if others != node.arguments:
            return Apply(MUL, others)
    return None


def use_divisibility(node: Apply) -> Expr | None:
    """Beside ``[a mod d = 0]``, ``d·⌊a/d⌋`` is a."""
    for factor in node.arguments:
        found = solved_for(factor, Mod)
        if found is None or found[1] is not as_affine(0):
            continue
        mod = found[0]
        undivided = partial(_undivided, floor=Floor(mod.numerator, mod.denominator))
        others = tuple(other if other is factor else transform(other, undivided) for other in node.arguments)
        if others != node.arguments:
            return Apply(MUL, others)
    return None


def _undivided(node: object, floor: Floor) -> object:
    """An integer expression with whole multiples of ``d·⌊a/d⌋`` replaced by multiples of a."""
    if not isinstance(node, Affine) or floor not in atoms(node):
        return node
    coefficient = node.coefficient(floor)
    quotient = None if coefficient is None else exact_quotient(coefficient, floor.denominator)
    if coefficient is None or quotient is None:
        return node
    return node - coefficient * floor + quotient * floor.numerator


def _equal_atoms(factor: Expr) -> tuple[Index | Read, Affine] | None:
    """Of a delta between two indices the later name and the earlier; of one between a read and an index the read
    and the index.
    """
    if not (isinstance(factor, Bracket) and isinstance(factor.condition, Apply) and factor.condition.function is EQ):
        return None
    pair = _integers(factor.condition)
    if pair is None:
        return None
    form = pair[0] - pair[1]
    parts = list(atoms(form))
    if len(parts) != 2 or form.constant or sorted(c for _, c in form.terms) != [-1, 1]:
        return None
    first, second = sorted(parts, key=lambda atom: (isinstance(atom, Read), order(atom)))
    if isinstance(first, Index) and isinstance(second, (Index, Read)) and first not in free(second):
        return second, as_affine(first)
    return None


def join_floor_and_mod(node: Apply) -> Expr | None:
    """``[⌊a/d⌋ = e] [a mod d = f]`` is ``[a = d·e + f] [0 <= f < d]``; alone, the first is ``[0 <= a - d·e < d]``."""
    for factor in node.arguments:
        floor = solved_for(factor, Floor)
        if floor is None:
            continue
        atom, quotient = floor
        rest = tuple(other for other in node.arguments if other is not factor)
        for other in rest:
            mod = solved_for(other, Mod)
            if mod and mod[0].numerator is atom.numerator and mod[0].denominator is atom.denominator:
                whole = Bracket(Apply(EQ, (atom.numerator, atom.denominator * quotient + mod[1])))
                return mul(whole, *_inside(mod[1], atom.denominator), *(f for f in rest if f is not other))
    return None


def _inside(form: Affine, extent: Affine) -> tuple[Bracket, Bracket]:
    zero = as_affine(0)
    return Bracket(Apply(LE, (zero, form))), Bracket(Apply(LE, (form, extent - 1)))


def solved_for(factor: Expr, kind: type) -> tuple[Floor | Mod, Affine] | None:
    """For ``[±atom + rest = 0]`` with one atom of the kind: the atom and what it is equal to."""
    if not (isinstance(factor, Bracket) and isinstance(factor.condition, Apply) and factor.condition.function is EQ):
        return None
    pair = _integers(factor.condition)
    form = pair[0] - pair[1] if pair else as_affine(0)
    found = [atom for atom in atoms(form) if isinstance(atom, kind)]
    if len(found) != 1:
        return None
    coefficient = form.coefficient(found[0])
    if coefficient is None or coefficient.terms or abs(coefficient.constant) != 1:
        return None
    return found[0], (form - coefficient * found[0]) * -coefficient.constant  # type: ignore[return-value]


def fold_select(node: Select) -> Expr | None:
    """A select that is decided, has equal branches, or a zero branch: ``select(c, a, 0)`` is ``[c]·a``."""
    if node.condition in (TRUE, FALSE):
        return node.then if node.condition is TRUE else node.otherwise
    if same(node.then, node.otherwise):
        return node.then
    if node.otherwise is ZERO:
        return mul(Bracket(node.condition), node.then)
    if node.then is ZERO:
        return mul(Bracket(Apply(SCALARS["not"], (node.condition,))), node.otherwise)
    return None


def opposite_brackets(node: Apply) -> Expr | None:
    """``[c]·[not c]`` is 0."""
    conditions = [factor.condition for factor in node.arguments if isinstance(factor, Bracket)]
    if len(conditions) > 1 and any(opposite(condition) in conditions for condition in conditions):
        return ZERO
    return None


def opposite(condition: Expr) -> Expr | None:
    """The opposite of a condition in normal form."""
    found = negated(condition)
    if isinstance(found, Apply) and found.function.name in ("eq", "ne", "lt", "le"):
        return fold_comparison(found) or found
    return found


CONDITIONS = (
    Rule("fold-comparison", "eq ne lt le", "[i < i + 1] * a", "a", fold_comparison),
    Rule("whole-part", "Read eq ne le", "f[(3*i + 2) // 3]", "f[i]", simplify_positions),
    Rule("fold-logic", "and or not", "[not (a < b)]", "[b <= a]", fold_logic),
    Rule("fold-bracket", "Bracket", "[a < b and b < c]", "[a < b] * [b < c]", fold_bracket),
    Rule(
        "use-delta",
        "mul",
        "δ(i,p) * f[p]",
        "δ(i,p) * f[i]",
        use_delta,
        "δ says that both indices are equal",
        "δ 使两指标相等",
    ),
    Rule("use-divisibility", "mul", "[i % 3 = 0] * f[i // 3 * 3]", "[i % 3 = 0] * f[i]", use_divisibility),
    Rule(
        "floor-and-mod",
        "mul",
        "[i // 3 = p] * [i % 3 = q]",
        "[i = 3*p + q] * [0 <= q] * [q <= 2]",
        join_floor_and_mod,
        "floor and remainder together",
        "商与余数合并",
    ),
    Rule("opposite-brackets", "mul", "[a < b] * [b <= a] * c", "0 * c", opposite_brackets),
    Rule("fold-select", "Select", "select(a < b, c, 0)", "[a < b] * c", fold_select),
)

"""Operations that read better by name: softmax, log_softmax, logsumexp, cumsum, distances, one_hot, triangles."""

from __future__ import annotations

from covector.calculus.build import base_exponent, factors_of, is_apply, mul
from covector.calculus.canonical import same
from covector.ir import Affine, Apply, Bracket, Expr, Index, Read, Reduce, as_affine, substitute
from covector.ir.affine import free
from covector.matrix.terms import signed_terms, total_of

Found = tuple[str, Expr, Index, Index | None]
"""The name, the argument, the index of its axis, and the index of that axis in the result (None where it goes)."""


def recognise_operation(expr: Expr) -> Found | None:
    """The operation that an expression as a whole is, if any."""
    if is_apply(expr, "mul") or is_apply(expr, "div"):
        return softmax(expr)
    if is_apply(expr, "add") or is_apply(expr, "sub"):
        return log_softmax(expr) or logsumexp(expr)
    if isinstance(expr, Reduce):
        return cumsum(expr)
    return logsumexp(expr) if is_apply(expr, "log") else None


def softmax(expr: Expr) -> Found | None:
    """``exp(x[j] - m) / sum[l](exp(x[l] - m))``."""
    parts = _quotient(expr)
    if parts is None or not is_apply(parts[0], "exp"):
        return None
    top, bottom = parts
    if not (isinstance(bottom, Reduce) and bottom.operation == "sum" and len(bottom.indices) == 1):
        return None
    (over,) = bottom.indices
    if not is_apply(bottom.body, "exp"):
        return None
    for kept in sorted(free(top) - free(bottom), key=lambda index: index.name):
        if kept.extent is over.extent and same(substitute(bottom.body, {over: as_affine(kept)}), top):
            argument = _unshifted(top.arguments[0], kept)  # type: ignore[union-attr]
            return "softmax", argument, over, kept
    return None


def logsumexp(expr: Expr) -> Found | None:
    """``log(sum[l](exp(x[l] - m))) + m``."""
    terms = signed_terms(expr)
    for place, (sign, term) in enumerate(terms):
        found = _log_sum(term) if sign > 0 else None
        if found is None:
            continue
        argument, over = found
        rest = terms[:place] + terms[place + 1 :]
        if not rest:
            return "logsumexp", argument, over, None
        inner = _unshifted(argument, over)
        shift = _shift(argument, over)
        if inner is not argument and shift is not None and same(total_of(rest), shift):
            return "logsumexp", inner, over, None
    return None


def log_softmax(expr: Expr) -> Found | None:
    """``x[j] - m - log(sum[l](exp(x[l] - m)))``."""
    terms = signed_terms(expr)
    for place, (sign, term) in enumerate(terms):
        found = _log_sum(term) if sign < 0 else None
        if found is None:
            continue
        argument, over = found
        rest = total_of(terms[:place] + terms[place + 1 :])
        for kept in sorted(free(rest) - free(term), key=lambda index: index.name):
            moved = substitute(argument, {over: as_affine(kept)})
            if kept.extent is over.extent and same(total_of(signed_terms(moved)), rest):
                return "log_softmax", _unshifted(moved, kept), over, kept
    return None


def cumsum(expr: Reduce) -> Found | None:
    """``sum[j]([j <= i] * x[j])``."""
    if expr.operation != "sum" or len(expr.indices) != 1:
        return None
    (over,) = expr.indices
    factors = factors_of(expr.body)
    for place, factor in enumerate(factors):
        found = triangle_parts(factor)
        if found is None or found[1] is not over or found[2]:
            continue
        kept, rest = found[0], mul(*factors[:place], *factors[place + 1 :])
        if kept.extent is over.extent and kept not in free(rest) and over in free(rest):
            return "cumsum", substitute(rest, {over: as_affine(kept)}), over, kept
    return None


def pairwise_distances(expr: Reduce) -> tuple[tuple[Expr, Index], tuple[Expr, Index], Index] | None:
    """For ``sum[k]((a[i,k] - b[j,k]) ** 2)`` the two arrays, each with the index of its rows, and k."""
    if expr.operation != "sum" or len(expr.indices) != 1:
        return None
    base, exponent = base_exponent(expr.body)
    terms = signed_terms(base)
    if exponent != 2 or len(terms) != 2 or terms[0][0] == terms[1][0]:
        return None
    (over,) = expr.indices
    first, second = (term for _, term in sorted(terms, key=lambda pair: -pair[0]))
    rows = [index for part in (first, second) for index in free(part) - {over}]
    if over not in free(first) & free(second) or len(free(first)) != 2 or len(rows) != 2 or rows[0] is rows[1]:
        return None
    return (first, rows[0]), (second, rows[1]), over


def triangle_parts(expr: Expr) -> tuple[Index, Index, int] | None:
    """For ``[j <= i + c]`` the indices i and j and the number c, as ``j - i <= c``."""
    condition = expr.condition if isinstance(expr, Bracket) else expr
    if not (is_apply(condition, "le") or is_apply(condition, "lt")):
        return None
    left, right = condition.arguments  # type: ignore[union-attr]
    if not (isinstance(left, Affine) and isinstance(right, Affine)):
        return None
    form = right - left
    rows = [index for index in free(form) if form.coefficient(index) == as_affine(1)]
    columns = [index for index in free(form) if form.coefficient(index) == as_affine(-1)]
    if len(rows) != 1 or len(columns) != 1 or len(form.terms) != 2:
        return None
    return rows[0], columns[0], form.constant - is_apply(condition, "lt")


def one_hot_parts(expr: Expr) -> tuple[Index, Read] | None:
    """For ``[c = ids[n]]`` the index c and the read."""
    if not (isinstance(expr, Bracket) and is_apply(expr.condition, "eq")):
        return None
    left, right = expr.condition.arguments  # type: ignore[union-attr]
    if not (isinstance(left, Affine) and isinstance(right, Affine)):
        return None
    form = left - right
    reads = [atom for monomial, _ in form.terms for atom in monomial if isinstance(atom, Read)]
    if len(form.terms) != 2 or form.constant or len(reads) != 1:
        return None
    read = reads[0]
    coefficient = form.coefficient(read)
    if coefficient is None or not coefficient.is_constant or abs(coefficient.constant) != 1:
        return None
    index = ((form - coefficient * read) * -coefficient.constant).index
    return None if index is None or index in free(read) else (index, read)


def _quotient(expr: Expr) -> tuple[Expr, Expr] | None:
    """The only factor above and the only one below."""
    if is_apply(expr, "div"):
        top, bottom = expr.arguments  # type: ignore[union-attr]
        return top, bottom
    tops, bottoms = [], []
    for factor in factors_of(expr):
        base, exponent = base_exponent(factor)
        if exponent == -1:
            bottoms.append(base)
        else:
            tops.append(factor)
    return (mul(*tops), bottoms[0]) if len(tops) == len(bottoms) == 1 else None


def _log_sum(expr: Expr) -> tuple[Expr, Index] | None:
    """For ``log(sum[l](exp(e)))`` the expression e and l."""
    if not is_apply(expr, "log"):
        return None
    total = expr.arguments[0]  # type: ignore[union-attr]
    if not (isinstance(total, Reduce) and total.operation == "sum" and len(total.indices) == 1):
        return None
    body = total.body
    return (body.arguments[0], total.indices[0]) if isinstance(body, Apply) and is_apply(body, "exp") else None


def _shift(argument: Expr, index: Index) -> Expr | None:
    """The m in ``x - m``, the largest x along the index, perhaps under a stop."""
    for place, (sign, term) in enumerate(terms := signed_terms(argument)):
        inner = term.arguments[0] if isinstance(term, Apply) and is_apply(term, "stop") else term
        if sign > 0 or not isinstance(inner, Reduce) or inner.operation != "max" or len(inner.indices) != 1:
            continue
        rest = total_of(terms[:place] + terms[place + 1 :])
        (over,) = inner.indices
        if over.extent is index.extent and same(inner.body, substitute(rest, {index: as_affine(over)})):
            return term
    return None


def _unshifted(argument: Expr, index: Index) -> Expr:
    """The x in ``x - m``, otherwise the argument itself."""
    shift = _shift(argument, index)
    if shift is None:
        return argument
    terms = signed_terms(argument)
    place = next(p for p, (sign, term) in enumerate(terms) if sign < 0 and term is shift)
    return total_of(terms[:place] + terms[place + 1 :])

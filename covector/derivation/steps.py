"""The steps of one path: from a statement to what it gives to the gradient of a tensor that it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from covector.calculus.arithmetic import ARITHMETIC, with_coefficient
from covector.calculus.build import ONE, ZERO, coefficient_of, delta_form, factors_of, is_apply, total
from covector.calculus.factor import factored
from covector.calculus.reverse import Contribution
from covector.calculus.rewrite import Rewriter, Rule
from covector.calculus.rules import simplify
from covector.calculus.sums import POSTPONED
from covector.calculus.tidy import Tidy
from covector.derivation.record import Case, Path, Reason, Step
from covector.ir import Apply, Bracket, Expr, Index, Read, Reduce, Tensor, as_affine, substitute, walk
from covector.ir.affine import atoms, free, order
from covector.notation.print import text

CASE_LIMIT = 6
"""Cases beyond which an entry is shown without them."""


def _positive_first(node: Apply) -> Expr | None:
    """``-a + b`` as ``b - a``."""
    ordered = tuple(sorted(node.arguments, key=lambda term: coefficient_of(term)[0] < 0))
    return None if ordered == node.arguments else Apply(node.function, ordered)


# Arithmetic that keeps factors where differentiation put them.
_AS_WRITTEN = Rewriter(
    (
        *(rule for rule in ARITHMETIC if rule.name != "order"),
        Rule("positive-first", "add", "-a + b", "b - a", _positive_first),
    )
)

READ = Reason("read", "derivative of a read", "对读取求导")
PRODUCT = Reason("product", "product rule", "乘法法则")
FACTOR = Reason("factor", "common factors", "提取公因式")


def path_of(contribution: Contribution, tidy: Tidy) -> Path:
    """The derivation of one contribution."""
    entry = tuple(_entry(contribution, tidy))
    final = entry[-1].expr
    reads = [factor for factor in factors_of(contribution.cotangent) if isinstance(factor, Read)]
    return Path(
        statement=contribution.statement,
        outputs=contribution.outputs,
        at=contribution.at,
        cotangent=reads[0].tensor.name if reads else None,
        entry=entry,
        cases=cases_of(final),
        chain=tuple(_chain(contribution, final, tidy)),
    )


def _entry(contribution: Contribution, tidy: Tidy) -> Iterator[Step]:
    """∂statement[outputs]/∂tensor[at], from the definition to its final form."""
    target = (contribution.tensor, contribution.at)
    yield Step(contribution.body, of=target)
    raw = _AS_WRITTEN(contribution.entry)
    yield Step(raw, tuple(_differentiation(contribution.body, contribution.tensor)))
    yield from _simplified(raw, tidy, tidy.finish_entry)


def _chain(contribution: Contribution, entry: Expr, tidy: Tidy) -> Iterator[Step]:
    """Σ over the outputs of cotangent times entry, to what the statement contributes."""
    if contribution.cotangent is ONE:
        return
    coefficient, factors = coefficient_of(entry)
    cotangent = factors_of(contribution.cotangent)
    chain = total(contribution.outputs, with_coefficient(coefficient, (*cotangent, *factors)))
    yield Step(chain)
    yield from _simplified(chain, tidy, tidy.finish)


def _simplified(expr: Expr, tidy: Tidy, finish: Callable[[Expr], Expr]) -> Iterator[Step]:
    """The normal form, then the form with earlier values read and common factors taken out, where these look
    different.
    """
    normal, rules = tidy.first.explain(expr)
    shown = tidy.shown(normal)
    if _looks(shown) != _looks(expr):
        yield Step(shown, tuple(_reasons(rules)))
    tidy.settled.clear()
    final = finish(expr)
    if _looks(final) != _looks(shown):
        reused = [name for name in _read_names(final) if name not in set(_read_names(normal))]
        reasons = [_settled(found, value) for found, value in dict(tidy.settled).items()]
        reasons += [recognised(reused)] if reused else []
        reasons += (
            []
            if reasons
            else _reasons(rule for rule in tidy.simplifier.explain(normal)[1] if rule.name.startswith(POSTPONED))
        )
        yield Step(final, tuple(reasons) or (FACTOR,))


def _looks(expr: Expr) -> str:
    return text(expr, "unicode")


def _reasons(rules: Iterable[Rule]) -> Iterator[Reason]:
    """The rules worth naming: that a delta makes indices equal is said already where a sum goes with it."""
    rules = tuple(rules)
    summed = any(rule.name == "sum-delta" for rule in rules)
    for rule in rules:
        if not (summed and rule.name == "use-delta"):
            yield Reason(rule.name, rule.title, rule.title_zh)


def _settled(found: Expr, value: Expr) -> Reason:
    """The reason of a step that uses that a sum is constant."""
    said = f"{_looks(found)} = {_looks(value)}"
    return Reason("constant-sum", said, said)


def recognised(names: Iterable[str]) -> Reason:
    """The reason of a step that reads earlier values."""
    listed = ", ".join(names)
    return Reason("recognise", f"{listed} is known from the forward", f"{listed} 前向已算出")


def _read_names(expr: Expr) -> list[str]:
    return list(dict.fromkeys(node.tensor.name for node in walk(expr) if isinstance(node, Read)))


def _differentiation(body: Expr, tensor: Tensor) -> Iterator[Reason]:
    """What differentiating a body takes: the rule for reads, for products, and the functions of the table."""
    yield READ
    products = functions = False
    names: list[str] = []
    for node in walk(body):
        if not isinstance(node, Apply) or not _depends(node, tensor) or node.function.result == "bool":
            continue
        moving = [argument for argument in node.arguments if _depends(argument, tensor)]
        products |= is_apply(node, "mul") and len(moving) > 1
        if node.function.name not in ("add", "sub", "neg", "mul", "div", "stop"):
            functions, names = True, [*names, node.function.name]
        elif node.function.name == "div" and _depends(node.arguments[1], tensor):
            yield Reason("quotient", "quotient rule", "除法法则")
    if products:
        yield PRODUCT
    if functions:
        listed = ", ".join(f"{name}'" for name in dict.fromkeys(names))
        yield Reason("scalar-chain", listed, listed)


def _depends(expr: Expr, tensor: Tensor) -> bool:
    return any(isinstance(node, Read) and node.tensor is tensor for node in walk(expr))


def cases_of(entry: Expr) -> tuple[Case, ...]:
    """An entry case by case: where its deltas are 1 and where they are 0.

    Empty where it has none outside its sums, or too many to read.
    """
    found = tuple(_cases(entry, (), ()))
    return found if 1 < len(found) <= CASE_LIMIT else ()


def _cases(expr: Expr, equal: tuple[Bracket, ...], unequal: tuple[Bracket, ...]) -> Iterator[Case]:
    delta = next(iter(sorted(_deltas(expr), key=order)), None)
    if delta is None:
        yield Case(equal, unequal, expr)
        return
    yield from _cases(factored(simplify(_without(expr, delta, ZERO))), equal, (*unequal, delta))
    if not any(_exclude(delta, other) for other in equal):
        yield from _cases(factored(simplify(_at(_without(expr, delta, ONE), delta))), (*equal, delta), unequal)


def _exclude(one: Bracket, other: Bracket) -> bool:
    """Whether two deltas cannot both be 1, because their sides differ by a number."""
    left, right = delta_form(one) or as_affine(0), delta_form(other) or as_affine(0)
    return any(apart.is_constant and apart.constant != 0 for apart in (left - right, left + right))


def _deltas(expr: Expr) -> set[Bracket]:
    """The deltas of an expression that no sum binds."""
    found: set[Bracket] = set()
    for node in walk(expr):
        if isinstance(node, Bracket) and delta_form(node) is not None:
            found.add(node)
    bound = {index for node in walk(expr) if isinstance(node, Reduce) for index in node.indices}
    return {delta for delta in found if not free(delta) & bound}


def _without(expr: Expr, delta: Bracket, value: Expr) -> Expr:
    result: Expr = substitute(expr, {delta: value})
    return result


def _at(expr: Expr, delta: Bracket) -> Expr:
    """The expression where both indices of a delta are equal: the later name becomes the earlier."""
    form = delta_form(delta)
    indices = sorted((atom for atom in atoms(form or as_affine(0)) if isinstance(atom, Index)), key=order)
    if form is None or len(indices) != 2 or form.constant or len(form.terms) != 2:
        return expr
    if sorted(coefficient for _, coefficient in form.terms) != [-1, 1]:
        return expr
    result: Expr = substitute(expr, {indices[1]: as_affine(indices[0])})
    return result

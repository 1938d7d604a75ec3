"""Why a claim is wrong: mistakes made on the truth and repairs of the claim, tried until one makes both equal."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from covector.checker.bench import Bench, Factor
from covector.checker.guess import Guess, Truth
from covector.checker.mistakes import MISTAKES, transposed
from covector.checker.reading import Reading
from covector.checker.repairs import repairs
from covector.checker.truth import Forward, inlined, reads_any
from covector.checker.verdict import Cause
from covector.ir import Compute, Literal, Tensor, walk
from covector.ir.tensor import program_of
from covector.notation import syntax
from covector.notation.print import shape_text
from covector.notation.scope import syntax_walk

MOST_GUESSES = 700
"""Guesses that are tried for one claim."""

MOST_WORK = 30_000
"""Nodes of the syntax that repairs of one claim may have together."""

OPENED = 90
"""Nodes of the longest truth that is opened down to the inputs to make mistakes on it."""


def find_cause(reading: Reading, forward: Forward | None, truths: tuple[Compute, ...] = ()) -> Cause:
    """The simplest mistake that explains a wrong claim; ``truths`` are other forms of what is true.

    Where none does, the cause is called ``unknown``, or ``shapes that cannot be``.
    """
    tensors = tuple(forward.tensors.values()) if forward else ()
    read: tuple[Tensor, ...] = (forward.seed,) if forward and _has_seed(forward) else ()
    sides = (reading.claimed,) if reading.claimed else ()
    others = program_of(sides).inputs if sides else ()
    bench = Bench(reading.true, (*tensors, *read, *others))
    if bench.costly or not bench.spots:
        return _by_factor(reading, bench) or _unexplained(reading)
    forms = tuple(dict.fromkeys(form for base in (*truths, reading.true) for form in (base, *_opened(base, forward))))
    return (
        _by_factor(reading, bench)
        or _by_repair(reading, bench, first=True)
        or _by_mistake(reading, bench, forms, (*tensors, *read))
        or _by_repair(reading, bench, first=False)
        or _by_pair(reading, bench, forms, (*tensors, *read))
        or _unexplained(reading)
    )


def _has_seed(forward: Forward) -> bool:
    return forward.program.output.dtype.startswith("float")


def _opened(true: Compute, forward: Forward | None) -> Iterator[Compute]:
    """The truth in terms of the inputs alone, and what the forward's own statements are in it."""
    statements = forward.program.statements if forward else ()
    single = [[statement] for statement in statements if reads_any(true.body, [statement])]
    for tensors in (*single, statements, program_of((true,)).statements):
        body = inlined(true.body, [t for t in tensors if t is not true], OPENED)
        if body is not None and body is not true.body:
            yield Compute(true.name, true.indices, body)


def _by_factor(reading: Reading, bench: Bench) -> Cause | None:
    """The claim is zero, or a multiple of the truth."""
    claimed = reading.claimed
    if claimed is None:
        return None
    if bench.is_zero(claimed):
        return Cause("zero", "the claim is 0 everywhere")
    factor = bench.factor(claimed, reading.true)
    return None if factor is None or factor == Factor() else factor_cause(factor, reading)


def factor_cause(factor: Factor, reading: Reading | None = None) -> Cause:
    """The cause that a factor between the claim and the truth is.

    >>> factor_cause(Factor(-Factor().value)).name
    'sign'
    """
    if not factor.name:
        if factor.value == -1:
            return Cause("sign", "the sign is wrong")
        return Cause(f"factor {factor.value}", f"the claim is {factor.value} times what is true")
    said = f"the claim is {factor} times what is true"
    if not factor.extent:
        name = f"{'extra' if factor.power > 0 else 'missing'} factor {factor.name}"
        return Cause(name, said)
    if "/" in factor.name and "(" not in factor.name:
        first, second = factor.name.split("/")[:: factor.power]
        return Cause("wrong extent", f"{said}: {second} stands where {first} belongs")
    if factor.power > 0:
        divided = reading is None or _divides(reading)
        name = "missing factor 1/n" if divided else "extra factor n"
        return Cause(name, f"{said}: n is {factor.name}" if factor.value == 1 else said)
    if reading is not None and _calls(reading, "mean"):
        return Cause("mean for sum", f"{said}: a mean stands where a sum belongs")
    return Cause("extra factor 1/n", f"{said}: n is {factor.name}")


def _divides(reading: Reading) -> bool:
    """Whether the truth divides by an extent: only then a factor 1/n can be missing."""
    statements = program_of((reading.true,)).statements
    names = {
        n.function.name for s in statements if isinstance(s, Compute) for n in walk(s.body) if hasattr(n, "function")
    }
    return bool(names & {"div", "pow"})


def _calls(reading: Reading, name: str) -> bool:
    return any(
        (isinstance(node, syntax.Call) and node.function == name)
        or (isinstance(node, syntax.Reduction) and node.operation == name)
        for node in syntax_walk(reading.right)
    )


def _by_repair(reading: Reading, bench: Bench, first: bool) -> Cause | None:
    """The claim with one change to what was written; ``first``: for a claim that does not have the right shape."""
    fits = reading.claimed is not None and reading.claimed.shape == reading.true.shape
    if fits is first:
        return None
    if first and reading.claimed is not None:
        found = matching(reading.claimed, transposed(Truth(reading.true, ())), bench)
        if found is not None:
            return found
    size = sum(1 for _ in syntax_walk(reading.right))
    for repair in islice(repairs(reading), max(20, MOST_WORK // size)):
        statement = reading.again(repair.right)
        if statement is not None and bench.equal(statement, reading.true):
            return Cause(repair.name, _with_shape(repair.sentence, reading))
    return None


def _with_shape(sentence: str, reading: Reading) -> str:
    if reading.claimed is None or reading.claimed.shape == reading.true.shape:
        return sentence
    found, wanted = (shape_text(side.shape, "unicode") for side in (reading.claimed, reading.true))
    return f"{sentence}; the shape is {found}, not {wanted}"


def _by_mistake(
    reading: Reading, bench: Bench, forms: tuple[Compute, ...], tensors: tuple[Tensor, ...]
) -> Cause | None:
    if reading.claimed is None:
        return None
    for mistake in MISTAKES:
        for form in forms:
            found = matching(reading.claimed, mistake(Truth(form, tensors)), bench)
            if found is not None:
                return found
    return None


def matching(claimed: Compute, guesses: Iterator[Guess], bench: Bench) -> Cause | None:
    """The mistake of the first guess that is what is claimed."""
    for count, guess in enumerate(guesses):
        if count > MOST_GUESSES:
            break
        if bench.equal(claimed, guess.statement):
            return Cause(guess.name, guess.sentence)
    return None


def _by_pair(reading: Reading, bench: Bench, forms: tuple[Compute, ...], tensors: tuple[Tensor, ...]) -> Cause | None:
    """A mistake, and a factor besides."""
    if reading.claimed is None:
        return None
    for mistake in MISTAKES:
        for form in forms:
            for count, guess in enumerate(mistake(Truth(form, tensors))):
                factor = bench.factor(reading.claimed, guess.statement)
                if factor is not None:
                    also = factor_cause(factor, reading)
                    return Cause(f"{guess.name}, {also.name}", f"{guess.sentence}; besides, {_besides(also)}")
                if count > MOST_GUESSES:
                    break
    return None


def _besides(cause: Cause) -> str:
    return cause.sentence.replace("what is true", "what it then would be")


def _unexplained(reading: Reading) -> Cause:
    if reading.misfit is not None:
        return Cause("shapes that cannot be", reading.misfit.message)
    assert reading.claimed is not None
    if reading.claimed.shape != reading.true.shape:
        found, wanted = (shape_text(side.shape, "unicode") for side in (reading.claimed, reading.true))
        return Cause("shapes that cannot be", f"the shape is {found}, and {wanted} is wanted")
    if isinstance(reading.true.body, Literal) and reading.true.body.value == 0:
        return Cause("not zero", "what is claimed to be something is 0 everywhere")
    return Cause("unknown", "no single mistake that is tried explains the difference")

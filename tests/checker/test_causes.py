"""The parts that find causes: factors, mistakes and repairs by themselves."""

from __future__ import annotations

from fractions import Fraction

import pytest

from covector.checker.bench import Bench, Factor
from covector.checker.causes import factor_cause
from covector.checker.claims import parse_claim
from covector.checker.guess import Truth
from covector.checker.mistakes import MISTAKES
from covector.checker.reading import read_claim
from covector.checker.repairs import repairs
from covector.checker.truth import Forward
from covector.frontend import read_program
from covector.ir.affine import free


def two(text: str, shapes: dict[str, str]) -> tuple[Bench, Factor | None]:
    """A bench for the first statement of a text, and the factor between the second and the first."""
    program = read_program(text, shapes)
    true, claimed = program.statements
    bench = Bench(true, program.inputs)  # type: ignore[arg-type]
    return bench, bench.factor(claimed, true)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("claimed", "factor"),
    [
        ("x[i]", Factor()),
        ("-x[i]", Factor(Fraction(-1))),
        ("x[i] / 3", Factor(Fraction(1, 3))),
        ("x[i] * N", Factor(name="N", extent=True)),
        ("x[i] / N", Factor(name="N", power=-1, extent=True)),
        ("-2 * x[i] * lr", Factor(Fraction(-2), "lr")),
        ("x[i] / lr", Factor(name="lr", power=-1)),
        ("x[i] * N / (N - 1)", Factor(name="N/(N - 1)", extent=True)),
        ("x[i] + 1", None),
        ("x[i] ** 2", None),
    ],
)
def test_the_factor_between_two_statements(claimed: str, factor: Factor | None) -> None:
    assert two(f"a[i] = x[i] + 0*lr; b[i] = {claimed}", {"x": "N", "lr": ""})[1] == factor


@pytest.mark.parametrize(
    ("factor", "name"),
    [
        (Factor(Fraction(-1)), "sign"),
        (Factor(Fraction(2)), "factor 2"),
        (Factor(Fraction(1, 2)), "factor 1/2"),
        (Factor(name="lr"), "extra factor lr"),
        (Factor(name="lr", power=-1), "missing factor lr"),
        (Factor(name="N", extent=True), "missing factor 1/n"),
        (Factor(name="N", power=-1, extent=True), "extra factor 1/n"),
        (Factor(name="N/M", extent=True), "wrong extent"),
    ],
)
def test_the_names_of_factors(factor: Factor, name: str) -> None:
    assert factor_cause(factor).name == name


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.__name__)
def test_every_mistake_changes_the_statement_and_says_how(mistake: object) -> None:
    text = "s = sqrt(sum[j](x[j]**2) + eps)"
    text += "; y[i] = select(x[i] > 0, exp(x[i]), 2*x[i]) / s - w[i,i] * mean[k](w[i,k] * x[k])"
    forward = Forward(read_program(text, {"x": "N", "w": "N N", "eps": ""}))
    found = []
    for tensor in forward.tensors.values():
        statement = forward.gradient(tensor)
        forms = [statement, *forward.program.statements]
        for form in forms:
            if form is not forward.seed:
                found += list(mistake(Truth(form, tuple(forward.tensors.values()))))  # type: ignore[operator]
    assert found
    assert all(guess.name and guess.sentence for guess in found)
    assert any(not free(guess.statement.body) - set(guess.statement.indices) for guess in found)


def test_repairs_are_other_claims() -> None:
    forward = Forward(read_program("y = x @ w.T", {"x": "M K", "w": "N K"}))
    (claim,) = parse_claim("dw = x.T @ G * 2 + sum(w, axis=0)")
    reading = read_claim(claim, claim.cases[0], forward)
    found = list(repairs(reading))
    assert {repair.name for repair in found} >= {"transposed", "swapped operands", "extra term", "extra factor", "sign"}
    assert all(repair.right != reading.right for repair in found)


def test_an_unexplained_mistake_is_called_unknown() -> None:
    forward = Forward(read_program("y = log(x)", {"x": "N"}))
    (claim,) = parse_claim("dx = G * tanh(x)**5 + 3 * x**7")
    reading = read_claim(claim, claim.cases[0], forward)
    bench = Bench(reading.true, (*forward.tensors.values(), forward.seed))
    assert reading.claimed is not None
    assert bench.factor(reading.claimed, reading.true) is None

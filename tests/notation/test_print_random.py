"""Whatever is built is printed in every style, and what the notation prints is read back with the same values."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from covector.frontend.matrix import define_matrix
from covector.frontend.program import read_program
from covector.ir import Bracket, Compute, Expr, Index, Program, Read, Reduce, Select, as_affine, floor_div, modulo
from covector.ir.tensor import program_of
from covector.notation.print import program_text, text
from covector.run.reference import evaluate
from tests.support.build import FLAT, K, M, add, do, holds, i, j, mul, number, power, v, w, x
from tests.support.katex import latex_errors

INPUTS = [x.tensor, v.tensor, w.tensor, FLAT]
ARRAYS = {
    "x": np.array([0.7, -1.3, 2.1]),
    "v": np.array([1.1, 0.4, -0.6, 3.0]),
    "w": np.array([-0.5, 1.9]),
    "flat": np.linspace(-1.0, 2.0, 16),
}
FORMS = [as_affine(i), i + as_affine(1), 2 * as_affine(i) + j - 1, as_affine(j) - i, 3 - as_affine(j), M - i - 1]
FORMS += [modulo(as_affine(i) + j, 2), floor_div(as_affine(j) + 3, 2)]
VALUES = [*map(number, (0, 1, 2, -3, "1/2", "-1/3", "0.01", "44715/1000000", "2/7", "1000000000000.5", "1e-9")), x, v]


def read_back(program: Program) -> Compute:
    """The last statement of a program, printed and read again."""
    statement = read_program(program_text(program), matrix=define_matrix).statements[-1]
    assert isinstance(statement, Compute)
    return statement


def _leaves() -> st.SearchStrategy[Expr]:
    forms = st.sampled_from(FORMS)
    comparisons = st.sampled_from(("eq", "ne", "lt", "le"))
    sides = st.one_of(
        st.tuples(forms, st.just(as_affine(0))), st.tuples(st.just(as_affine(0)), forms), st.tuples(forms, forms)
    )
    return st.one_of(
        st.sampled_from(VALUES),
        forms,
        forms.map(lambda form: Read(FLAT, (form,))),
        st.builds(lambda name, pair: holds(name, *pair), comparisons, sides),
    )


def _grown(depth: int) -> st.SearchStrategy[Expr]:
    """Expressions with at most this many levels, each level with a bound index of its own name."""
    if depth == 0:
        return _leaves()
    below = _grown(depth - 1)
    bound = Index(f"k{depth}", K)
    inner = Read(w.tensor, (as_affine(bound),))
    several = st.lists(below, min_size=2, max_size=4)
    condition = st.one_of(
        st.builds(lambda a, b: do("lt", a, b), below, below),
        st.builds(lambda a, b: do("and", do("le", 0, a), do("le", a, b)), below, below),
        st.builds(lambda a, b: do("not", do("or", do("eq", a, 0), do("lt", b, a))), below, below),
    )
    reduced = st.builds(
        lambda name, body, first: Reduce(name, (bound,), mul(inner, body) if first else add(body, inner)),
        st.sampled_from(("sum", "prod", "max", "min")),
        below,
        st.booleans(),
    )
    return st.one_of(
        below,
        several.map(lambda parts: add(*parts)),
        several.map(lambda parts: mul(*parts)),
        several.map(lambda parts: mul(-1, *parts)),
        st.builds(do, st.sampled_from(("sub", "div", "pow", "maximum")), below, below),
        st.builds(do, st.sampled_from(("neg", "exp", "sqrt", "tanh", "stop")), below),
        st.builds(power, below, st.sampled_from(("2", "3", "-1", "1/2", "-1/2", "-3/2", "1/3"))),
        st.builds(lambda a, b, e: mul(a, power(b, e)), below, below, st.sampled_from(("-1", "-2", "-1/2"))),
        reduced,
        reduced.map(lambda body: mul(power(K, -1), body)),
        st.builds(Select, condition, below, below),
        condition.map(Bracket),
    )


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(_grown(3))
def test_what_is_printed_is_read_back_with_the_same_values(expr: Expr) -> None:
    program = program_of([Compute("out", (i, j), expr)], INPUTS)
    back = read_back(program)
    settled = back
    for _ in range(4):  # 1/2·(1/2·x) becomes x/2/2 one step at a time
        settled = read_back(program_of([settled], INPUTS))
    assert read_back(program_of([settled], INPUTS)) is settled
    if program.output.dtype != "float64":
        return  # a statement of whole numbers is rounded to them at the end, which hides what it is compared for
    with np.errstate(all="ignore"):
        wanted, found = (
            evaluate(program_of([statement], INPUTS), ARRAYS)["out"] for statement in (program.outputs[0], settled)
        )
    finite = np.isfinite(wanted) & np.isfinite(found) & (np.abs(wanted) < 1e9)
    np.testing.assert_allclose(found[finite], wanted[finite], rtol=1e-7, atol=1e-7)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(_grown(3))
def test_every_style_prints_whatever_is_built(expr: Expr) -> None:
    in_latex = text(expr, "latex")
    assert in_latex.count("{") == in_latex.count("}")
    assert in_latex.count(r"\left") == in_latex.count(r"\right")
    in_unicode = text(expr, "unicode")
    assert in_unicode.count("(") == in_unicode.count(")")


def test_katex_accepts_what_is_built() -> None:
    found: list[str] = []

    @settings(max_examples=150, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(_grown(3))
    def collect(expr: Expr) -> None:
        found.append(text(expr, "latex"))

    collect()
    assert latex_errors(found) == []

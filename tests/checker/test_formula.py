"""Formulas: what is true is never accused, what is wrong is always found, and verdicts say what they must."""

from __future__ import annotations

import json
import time
from functools import cache
from typing import Any

import pytest

from covector.checker.formula import check, check_formula
from covector.checker.truth import Forward
from covector.checker.verdict import WrongError
from covector.errors import CovectorError, NotationError, UnknownNameError
from covector.frontend import read_program
from tests.checker.formulas import EXAMPLES, LINEAR

OF = "linear = input @ weight.T + bias"
TRUE = [(example.name, claim) for example in EXAMPLES for claim in example.true]
WRONG = [(example.name, claim, causes) for example in EXAMPLES for claim, causes in example.wrong]


@cache
def forward(name: str) -> Forward:
    (example,) = (example for example in EXAMPLES if example.name == name)
    return Forward(read_program(example.of, example.shapes))


@pytest.mark.parametrize(("name", "claim"), TRUE)
def test_a_true_claim_is_not_accused(name: str, claim: str) -> None:
    verdict = check_formula(claim, forward(name))
    assert verdict.verdict in ("proved", "agrees"), str(verdict)
    assert verdict
    assert verdict.raise_if_wrong() is verdict


@pytest.mark.parametrize(("name", "claim", "causes"), WRONG)
def test_a_mistake_is_found_with_its_cause_and_the_right_form(name: str, claim: str, causes: str) -> None:
    verdict = check_formula(claim, forward(name))
    assert verdict.verdict == "wrong", str(verdict)
    assert verdict.cause is not None
    assert verdict.cause.name in causes.split("|"), str(verdict)
    assert verdict.suggestion is not None
    assert check_formula(verdict.suggestion, forward(name)), verdict.suggestion
    with pytest.raises(WrongError):
        verdict.raise_if_wrong()


def test_there_are_enough_examples() -> None:
    assert len(EXAMPLES) >= 25
    assert all(len(example.wrong) >= 8 and len(example.true) >= 1 for example in EXAMPLES)


MESSAGES = {
    "dbias = G": """\
wrong: dbias = G
  cause       missing sum: the sum over axis 0 (of M) is missing; the shape is M×outfs, not outfs
  right       dbias = sum(G, axis=0)
              at M = 1, outfs = 1 the shape is (1, 1), and (1,) is wanted""",
    "dweight = input.T @ G": """\
wrong: dweight = input.T @ G
  cause       transposed: this is the transpose: infs×outfs, not outfs×infs
  right       dweight = G.T @ input
              at M = 1, outfs = 1, infs = 2 the shape is (2, 1), and (1, 2) is wanted""",
    "dinput = 2 * ∂L/∂linear @ weight": """\
wrong: dinput = 2 * ∂L/∂linear @ weight
  cause       factor 2: the claim is 2 times what is true
  right       dinput = ∂L/∂linear @ weight
  at          M = 1, outfs = 1, infs = 1: G = [[1]], weight = [[1]]
              dinput[0,0] is 1, and the claim gives 2""",
    "dweight[a,b] = sum[n](dY[n,a]*input[n,b]) / M": """\
wrong: dweight[a,b] = sum[n](dY[n,a]*input[n,b]) / M
  read        dY is read as ∂L/∂linear
  cause       extra factor 1/n: the claim is 1/M times what is true: n is M
  right       dweight[a,b] = sum[n](dY[n,a] * input[n,b])
  at          M = 2, outfs = 1, infs = 1: G = [[0], [1]], input = [[0], [1]]
              dweight[0,0] is 1, and the claim gives 0.5""",
    "dbias = mean(G, axis=0)": """\
wrong: dbias = mean(G, axis=0)
  cause       mean for sum: the claim is 1/M times what is true: a mean stands where a sum belongs
  right       dbias = sum(G, axis=0)
  at          M = 2, outfs = 1: G = [[0], [1]]
              dbias[0] is 1, and the claim gives 0.5""",
    "dweight = input @ G.T": """\
wrong: dweight = input @ G.T
  cause       swapped operands: input @ G.T has its operands in the wrong order
  right       dweight = G.T @ input
              mat1 and mat2 shapes cannot be multiplied (M×infs and outfs×M)""",
    "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[i]": """\
wrong: linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[i]
  cause       wrong index: bias[i] stands where bias[j] belongs
  right       linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]
              index i has two extents: M, axis 0 of linear (M×outfs), and outfs, axis 0 of bias (outfs)""",
    "∂linear[p,q]/∂bias[j] = δ(p,j)": """\
wrong: ∂linear[p,q]/∂bias[j] = δ(p,j)
  cause       wrong index: p stands where q belongs in δ(p,j)
  right       ∂linear[p,q]/∂bias[j] = [q = j]
  at          M = 1, outfs = 2
              ∂linear[p,q]/∂bias[j] at (0, 1, 0) is 0, and the claim gives 1""",
    "∂linear/∂weight = input": """\
proved: ∂linear/∂weight = input
  read        shorthand for the rule ∂L/∂weight = G.T @ input, where G = ∂L/∂linear; \
the generalised Jacobian itself has the axes of both
              equal by the rules of the calculus""",
    "dweight = G.T @ input": """\
proved: dweight = G.T @ input
              equal by the rules of the calculus""",
    "dbias[j] = G[i,j]": """\
not understood: dbias[j] = G[i,j]
              column 14: index i is not bound (bind it in a reduction, sum[i](…), or add it to the left side)""",
    "dweight = G.T @ (input": """\
not understood: dweight = G.T @ (input
              column 17: this '(' is never closed (close it with ')')""",
    "dfoo = 3": """\
not understood: dfoo = 3
              column 1: 'dfoo' is no tensor of the forward, nor the gradient of one \
(a gradient is called dinput or ∂L/∂input; the forward has input, weight, bias, linear)""",
    "dweight": """\
not understood: dweight
              column 1: a claim has two sides, and here is no '=' \
(write what is claimed to be equal: dweight = G.T @ input)""",
}


@pytest.mark.parametrize("claim", MESSAGES)
def test_the_whole_message(claim: str) -> None:
    assert str(check_formula(claim, forward("linear"))) == MESSAGES[claim]


def test_equality_needs_no_forward() -> None:
    assert check("sum(A * B) = trace(A.T @ B)", A="M N", B="M N").verdict == "proved"
    assert check("sum[k](a[i,k]*b[k,j]) = sum[k](b[k,j]*a[i,k])").verdict == "proved"
    assert check("log(a[i]*b[i]) = log(a[i]) + log(b[i])").verdict == "agrees"
    assert check("(a[i] + b[i])**2 = a[i]**2 + b[i]**2").counterexample.inputs == {"a": [1], "b": [1]}  # type: ignore[union-attr]
    assert check("sqrt(x[i]**2) = x[i]").counterexample.inputs == {"x": [-1]}  # type: ignore[union-attr]


def test_a_square_counterexample_is_not_enough_to_agree() -> None:
    assert not check("sum(A * B) = trace(A @ B)", A="N N", B="N N")
    assert check("dA = A.T @ G + G", of="y = A @ A", A="N N").verdict == "wrong"


@pytest.mark.parametrize(
    ("claim", "of", "shapes", "extents", "inputs"),
    [
        ("dx = x * G", "y[i] = x[i]**2", {"x": "N"}, {"N": 1}, {"G": [1], "x": [1]}),
        ("dy = 2 * (y - t)", "loss = mean[i]((y[i] - t[i])**2)", {"y": "n", "t": "n"}, {"n": 2}, None),
        ("dlr = g * G", "w2[i] = w[i] - lr * g[i]", {"w": "N", "g": "N", "lr": ""}, {"N": 1}, {}),
        ("y[i] = x[i]", "y[i] = x[i] * [i < 2]", {"x": "N"}, {"N": 3}, {"x": [0, 0, 1]}),
        ("dx[i] = G[i]", "y = relu(x)", {"x": "N"}, {"N": 1}, {"x": [-1], "G": [1]}),
    ],
)
def test_the_counterexample_is_the_smallest(
    claim: str, of: str, shapes: dict[str, str], extents: dict[str, int], inputs: dict[str, Any] | None
) -> None:
    verdict = check(claim, of=of, shapes=shapes)
    found = verdict.counterexample
    assert found is not None
    assert dict(found.extents) == extents
    if inputs is not None:
        assert dict(found.inputs) == inputs


def test_kinks_and_ties_accuse_nobody() -> None:
    assert check("dx[i] = [x[i] >= 0] * G[i]", of="y = relu(x)", x="N").verdict == "agrees"
    assert check("dx[i] = G * [x[i] = y]", of="y = max[i](x[i])", x="N")
    assert check("dx[i] = G[i] * x[i] / abs(x[i])", of="y = abs(x)", x="N")


def test_shapes_are_exact() -> None:
    assert check("y = sum(x, axis=0, keepdims=true)", of="y = sum(x, axis=0)", x="M N").verdict == "wrong"
    assert check("dx = 0", of="y = 0 * x", x="N").verdict == "proved"
    assert (
        check("dx = 0", of="y = 0 * x", x="N").reading == "the number on the right is read as an array of the shape N"
    )


def test_where_restricts_a_claim() -> None:
    claim = "∂linear[p,q]/∂weight[i,j] = input[p,j]"
    assert check(claim, of=OF, shapes=LINEAR, where="q = i").verdict == "proved"
    assert check(claim, of=OF, shapes=LINEAR).verdict == "wrong"
    assert check(claim, of=OF, shapes=LINEAR, where="q != i").verdict == "wrong"
    cases = check("∂linear[p,q]/∂weight[i,j] = input[p,j] if q = i; 1 if q != i", of=OF, shapes=LINEAR)
    assert cases.verdict == "wrong"


def test_shorthand_is_true_as_a_rule_alone() -> None:
    shapes = {"W": "M K", "X": "K N"}
    true = check("∂Y/∂W = X.T", of="Y = W @ X", shapes=shapes)
    assert true.verdict == "proved"
    assert true.reading.startswith("shorthand for the rule ∂L/∂W = G @ X.T")
    wrong = check("∂Y/∂W = X", of="Y = W @ X", shapes=shapes)
    assert (wrong.verdict, wrong.cause.name, wrong.suggestion) == ("wrong", "transposed", "∂Y/∂W = X.T")  # type: ignore[union-attr]


def test_the_cotangent_may_have_any_name() -> None:
    assert check("dx = 2 * x * foo", of="y[i] = x[i]**2", x="N", cotangent="foo").verdict == "proved"
    assert check("dx = 2 * x * foo", of="y[i] = x[i]**2", x="N").verdict == "not understood"


def test_names_of_the_forward_come_first() -> None:
    verdict = check("dx[i] = x[i] + 1", of="dx[i] = x[i] + 1; y[i] = dx[i] ** 2", x="N")
    assert verdict.verdict == "proved"


def test_forwards_of_every_kind() -> None:
    def product(x: Any, w: Any) -> Any:
        return x @ w

    assert check("dw = x.T @ G", of=product, x="M K", w="K N").verdict == "proved"
    program = read_program("y[i] = x[i] ** 2")
    assert check("dx[i] = 2 * x[i] * G[i]", of=program).verdict == "proved"
    assert check("dx[i] = 2 * x[i] * G[i]", of=Forward(program)).verdict == "proved"


def test_a_bad_forward_is_raised() -> None:
    with pytest.raises(NotationError):
        check("dx = G", of="y[i] = (x[i]")
    with pytest.raises(UnknownNameError):
        check("dx = G", of="y = x", x="N", z="M")
    with pytest.raises(CovectorError):
        check("dx = G", of=3)  # type: ignore[arg-type]


def test_chains_are_compared_part_by_part() -> None:
    assert check("y = tanh(x) = 2 * sigmoid(2 * x) - 1", of="y = tanh(x)", x="N")
    assert not check("y = tanh(x) = 2 * sigmoid(x) - 1", of="y = tanh(x)", x="N")


def test_json_and_html() -> None:
    verdict = check("dinput = -G @ weight", of=OF, shapes=LINEAR)
    data = json.loads(json.dumps(verdict.json()))
    assert data["verdict"] == "wrong"
    assert data["cause"]["name"] == "sign"
    assert data["counterexample"]["extents"] == {"M": 1, "outfs": 1, "infs": 1}
    assert data["counterexample"]["where"] == [0, 0]
    page = verdict.html()
    assert page.startswith('<div class="covector-verdict" data-verdict="wrong"')
    assert "dinput = G @ weight" in page
    assert "<script" not in check("dinput = <script> @ weight", of=OF, shapes=LINEAR).html()
    assert str(verdict.__rich__()) == str(verdict)


def test_a_check_is_fast() -> None:
    check("dweight = G.T @ input", of=OF, shapes=LINEAR)
    times = []
    for _ in range(3):
        start = time.process_time()
        check("dbias = sum(G, axis=0)", of=OF, shapes=LINEAR)
        times.append(time.process_time() - start)
    assert min(times) < 0.3


@pytest.mark.parametrize(
    "claim",
    ["", "=", "dx =", "= G", "dx = = G", "dx = \0", "dx = " + "(" * 500, "∂/∂x = 1", "dx = G if", "[: dx = G",
     "dx[i,i] = 1", "∂y/∂z = 1", "∂q[i]/∂x[j] = 1", "dx == G", "dx = G; ", "dx = 1" + "+1" * 3000, "∂y[p]/∂x = 1",
     "dx = x.foo"],
)  # fmt: skip
def test_what_cannot_be_read_is_said_to_be_so(claim: str) -> None:
    verdict = check(claim, of="y[i] = x[i] ** 2", x="N")
    assert verdict.verdict in ("not understood", "wrong")
    assert verdict.message

"""What is elementwise overwrites an operand that nobody needs any more, and nothing else does."""

from __future__ import annotations

import numpy as np
import pytest

from covector.frontend.program import read_program
from covector.ir import as_affine
from covector.native.engine import compile_program
from covector.run.reference import evaluate
from covector.schedule.plan import Plan
from covector.schedule.plan_program import plan
from tests.schedule.interpret import interpret

HEAD = "x: 12 16\nw: 16 16\nv: 16 16\na[i,j] = sum[k](x[i,k] * w[k,j])\n"
TAIL = "\ny[i,j] = sum[k](b[i,k] * v[k,j])"
SIZE = 12 * 16 * 8

ALIGNED = {
    "elementwise": "b[i,j] = exp(a[i,j]/9)",
    "rows": "b[i,j] = exp(a[i,j] - max[k](a[i,k]))",
    "softmax": "b[i,j] = exp(a[i,j] - max[k](a[i,k])) / sum[l](exp(a[i,l] - max[k](a[i,k])))",
}
APART = {
    "the next element": "b[i,j] = exp(a[i,j]/9) + exp(pad(a[i,j+1])/9)",
    "the other way round": "b[i,j] = exp(a[i,j]/9) + exp(a[11-i,j]/9)",
    "columns": "b[i,j] = exp(a[i,j] - max[k](a[k,j]))",
    "the sum of all": "b[i,j] = exp(a[i,j]/9 - sum[k,l](a[k,l])/999)",
    "read once more": "c[i,j] = exp(a[i,j]/9)\nd[i] = sum[j](c[i,j] * tanh(a[i,j]))\n"
    "u[i,j] = sum[k](c[i,k] * v[k,j])\nb[i,j] = u[i,j] + d[i]",
    "rows read again": "c[i,j] = exp(a[i,j]/9)\nd[i] = sum[j](c[i,j])\nb[i,j] = c[i,j]/d[i] + tanh(a[i,15-j])",
}


def made(body: str) -> Plan:
    """The plan of a statement between two products."""
    return plan(read_program(HEAD + body + TAIL))


@pytest.mark.parametrize("body", ALIGNED.values(), ids=ALIGNED)
def test_a_result_lies_where_its_operand_was(body: str) -> None:
    assert made(body).arena is as_affine(SIZE)


@pytest.mark.parametrize("name", ["the next element", "the other way round"])
def test_what_is_read_elsewhere_stays_apart(name: str) -> None:
    assert made(APART[name]).arena is as_affine(2 * SIZE)


@pytest.mark.parametrize("body", [*ALIGNED.values(), *APART.values()], ids=[*ALIGNED, *APART])
def test_nothing_is_overwritten_that_is_still_read(body: str) -> None:
    program, rng = read_program(HEAD + body + TAIL), np.random.default_rng(0)
    arrays = {tensor.name: rng.standard_normal([int(s.constant) for s in tensor.shape]) for tensor in program.inputs}
    expected = evaluate(program, arrays)["y"]
    np.testing.assert_allclose(compile_program(program).run(list(arrays.values()))[0], expected, rtol=1e-9)
    np.testing.assert_allclose(interpret(plan(program), arrays)["y"], expected, rtol=1e-9)


@pytest.mark.parametrize("body", ALIGNED.values(), ids=ALIGNED)
def test_sizes_of_a_call_are_handed_on_too(body: str) -> None:
    program = read_program(f"x: M K\nw: K N\nv: N N\na = x @ w\n{body}\ny = b @ v")
    found, rng = plan(program), np.random.default_rng(0)
    places = [found.storage[tensor].offset for tensor in found.storage if tensor.name in ("a", "b")]
    assert places == [as_affine(0)] * 2
    arrays = {"x": rng.standard_normal((9, 5)), "w": rng.standard_normal((5, 7)), "v": rng.standard_normal((7, 7))}
    expected = evaluate(program, arrays)["y"]
    np.testing.assert_allclose(interpret(found, arrays)["y"], expected, rtol=1e-9)
    arrays = {
        "x": rng.standard_normal((900, 50)),
        "w": rng.standard_normal((50, 70)),
        "v": rng.standard_normal((70, 70)),
    }
    expected = evaluate(program, arrays)["y"]
    np.testing.assert_allclose(compile_program(program).run(list(arrays.values()))[0], expected, rtol=1e-9, atol=1e-12)

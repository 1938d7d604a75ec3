"""Statements in matrix form: the same statements as in element form, NumPy's values, and errors with their place."""

from __future__ import annotations

import numpy as np
import pytest

from covector.errors import CovectorError, UnknownNameError
from covector.frontend.program import read_program
from covector.ir import Input, Program, as_affine
from covector.ir.tensor import program_of
from covector.notation.element import instantiate
from covector.ops import OPERATIONS
from covector.run.reference import evaluate
from tests.ops.cases import CASES
from tests.ops.sampling import Setting, sample

SAME = [
    (
        "input: M infs; weight: outfs infs; bias: outfs",
        "input @ weight.T + bias",
        "[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]",
    ),
    ("A: M K; B: K N", "A @ B", "[i,j] = sum[k](A[i,k] * B[k,j])"),
    ("x: N; A: N N", "x.T @ A @ x", " = sum[i](sum[j](x[j] * A[j,i]) * x[i])"),
    ("x: M N", "exp(x) / sum(exp(x), axis=1, keepdims=true)", "[i,j] = exp(x[i,j]) / sum[k](exp(x[i,k]))"),
    ("x: M N", "mean(x ** 2) - mean(x, axis=0) + 1", "[i] = mean[j,k](x[j,k] ** 2) - mean[j](x[j,i]) + 1"),
    ("x: N", "2 * x / N - (1 / 3) * x ** -1", "[i] = 2 * x[i] / N - (1 / 3) * x[i] ** -1"),
    ("x: N", "x * (N + 1) * pi", "[i] = x[i] * (N + 1) * pi"),
    ("x: N", "(x + 1) + x", "[i] = (x[i] + 1) + x[i]"),
    ("x: N", "select(x > 0 and not (x >= 2), x, -1)", "[i] = select(x[i] > 0 and not (x[i] >= 2), x[i], -1)"),
    ("x: N; y: N", "where(x == y or x != 0.5, inf, y)", "[i] = select(x[i] == y[i] or x[i] != 0.5, inf, y[i])"),
    ("x: N; y: M", "outer(x, y)", "[i,j] = x[i] * y[j]"),
    ("x: N", "diag(x)", "[i:N,j:N] = [i = j] * x[i]"),
    ("x: M N", "norm(x) ** 2 / 2", " = sqrt(sum[i,j](x[i,j] ** 2)) ** 2 / 2"),
    ("x: N; y: N", "dot(x, y)", " = sum[k](x[k] * y[k])"),
    ("A: M K; B: K N", 'einsum("ij,jk->ik", A, B)', "[i,k] = sum[j](A[i,j] * B[j,k])"),
    ("A: M K; B: K N", 'einsum("ij,jk", A, B)', "[i,k] = sum[j](A[i,j] * B[j,k])"),
    ("x: M 4", "reshape(x, (M, 2, -1))", "[i:M,j:2,k:2] = x[i,2*j+k]"),
    ("x: M 4", "reshape(x, (4 * M,))", "[i:4*M] = x[i//4,i%4]"),
    ("x: M N", "transpose(x, (1, 0))", "[i,j] = x[j,i]"),
    ("x: M N; ids: B int64", "embedding(ids, x)", "[i,d] = x[ids[i],d]"),
    ("x: M N", "softmax(x)", "[i,j] = exp(x[i,j] - stop(max[k](x[i,k]))) / sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))"),
    ("x: M N", "maximum(x, 0) - relu(x)", "[i,j] = maximum(x[i,j], 0) - relu(x[i,j])"),
    ("x: M N", "any(x > 0, axis=0)", "[i] = any[j](x[j,i] > 0)"),
    ("x: M N", "sum(x, axis=(0, 1), keepdims=false)", " = sum[i,j](x[i,j])"),
]


def read(source: str) -> Program:
    return read_program(source)


@pytest.mark.parametrize(("declared", "matrix", "element"), SAME)
def test_matrix_form_is_the_same_statement_as_element_form(declared: str, matrix: str, element: str) -> None:
    ours, theirs = read(f"{declared}; result = {matrix}"), read(f"{declared}; result{element}")
    assert ours.output is theirs.output
    assert ours.statements == theirs.statements


SETTINGS = [
    pytest.param(name, s, id=f"{name}-{n}") for name, case in CASES.items() for n, s in enumerate(case.settings)
]
WRAPPED = {"as it is": "{}", "elementwise": "(2 * {0} - {0} + 0)", "with a reduction": "({0} + 0 * sum({0}))"}


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_every_operation_of_the_table(name: str, setting: Setting, wrapped: str) -> None:
    operation = OPERATIONS[name]
    declared = setting.example or operation.example
    arrays = sample(declared, setting.sizes, CASES[name].samplers)
    parameters = "".join(f", {key}={str(value).lower()}" for key, value in setting.parameters.items())
    given = [argument for argument in operation.arguments if argument in arrays]
    texts = [WRAPPED[wrapped].format(a) if arrays[a].dtype.kind == "f" else a for a in given]
    program = read(f"{declared}; the_result = {name}({', '.join(texts)}{parameters})")
    inputs = {a: Input(a, tuple(map(as_affine, arrays[a].shape)), str(arrays[a].dtype)) for a in given}
    expected = program_of([instantiate(operation, inputs, setting.parameters)[-1]], inputs.values())
    extents = {key: value for key, value in setting.sizes.items() if isinstance(value, int)}
    result = evaluate(program, arrays, extents)["the_result"]
    np.testing.assert_allclose(result, evaluate(expected, arrays)[expected.output.name], rtol=1e-9, atol=1e-12)


def test_statements_before_the_result_get_names_that_are_free() -> None:
    program = read("x: M N; mu: N; first = layer_norm(x, mu); second = layer_norm(first) @ mu; sigma2 = second * 1")
    names = [statement.name for statement in program.statements]
    assert names == ["mu2", "sigma", "xhat", "first", "mu3", "sigma3", "xhat2", "second", "sigma2"]


def test_axis_goes_to_the_operation() -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    result = evaluate(read("x: M N; y = softmax(2 * x, axis=0)"), {"x": x})["y"]
    expected = np.exp(2 * x) / np.exp(2 * x).sum(axis=0)
    np.testing.assert_allclose(result, expected)


DECLARED = "input: M infs; weight: outfs infs; x: N\n"
ERRORS = [
    (
        "y = exp(input @ weight)",
        "mat1 and mat2 shapes cannot be multiplied (M×infs and outfs×infs)\n  line 2, column 9:\n"
        "    y = exp(input @ weight)\n            ^^^^^^^^^^^^^^\n  hint: input @ weight.T would fit",
    ),
    (
        "y = inputs + 1",
        "unknown name 'inputs'\n  line 2, column 5:\n    y = inputs + 1\n        ^^^^^^\n"
        "  hint: did you mean 'input'? Otherwise declare the shape of inputs: write inputs: M N, or --shape inputs:M,N",
    ),
    (
        "y = q + 1",
        "unknown name 'q'\n  line 2, column 5:\n    y = q + 1\n        ^\n"
        "  hint: declare the shape of q: write q: M N, or --shape q:M,N",
    ),
    (
        "y = 1 + sofmax(x)",
        "unknown function 'sofmax'\n  line 2, column 9:\n    y = 1 + sofmax(x)\n            ^^^^^^\n"
        "  hint: did you mean 'softmax'?",
    ),
    (
        "y = sum(x, axs=1)",
        "sum: got an unexpected keyword argument 'axs'\n  line 2, column 5:\n    y = sum(x, axs=1)\n"
        "        ^^^^^^^^^^^^^\n  hint: write sum(x, axis=None, keepdims=False)",
    ),
    (
        "y = sum(x, axis=1)",
        "sum: axis 1 is out of range for x: N, which has 1 axis\n  line 2, column 5:\n"
        "    y = sum(x, axis=1)\n        ^^^^^^^^^^^^^^",
    ),
    (
        "y = exp",
        "'exp' is a function, used like an array\n  line 2, column 5:\n    y = exp\n        ^^^\n  hint: write exp(…)",
    ),
    (
        "y = x(2)",
        "'x' is an array, not a function\n  line 2, column 5:\n    y = x(2)\n        ^\n"
        "  hint: a product is written x * (…)",
    ),
    (
        "y = x // 2",
        "'//' and '%' take numbers and extents here\n  line 2, column 5:\n    y = x // 2\n        ^^^^^^\n"
        "  hint: arrays are divided with /; in element form integers take // and %",
    ),
    (
        "y = y + x",
        "y reads itself\n  line 2, column 5:\n    y = y + x\n        ^\n"
        "  hint: a statement reads inputs and earlier statements only",
    ),
    (
        "x = exp(x)",
        "x is an input, and is defined here\n  line 2, column 1:\n    x = exp(x)\n    ^\n"
        "  hint: each statement defines a new name, such as x2",
    ),
    (
        "M = exp(x)",
        "'M' is an extent\n  line 2, column 1:\n    M = exp(x)\n    ^\n  hint: a tensor needs another name",
    ),
    (
        "y = exp(x, x)",
        "exp: too many positional arguments\n  line 2, column 5:\n    y = exp(x, x)\n        ^^^^^^^^^\n"
        "  hint: write exp(x)",
    ),
    (
        'y = x + "x"',
        'a string cannot stand where an array is wanted\n  line 2, column 9:\n    y = x + "x"\n            ^^^',
    ),
    (
        "y = x and x",
        "and takes conditions, and an operand is float64\n  line 2, column 5:\n    y = x and x\n        ^^^^^^^\n"
        "  hint: compare it with something, as in x > 0",
    ),
    (
        "y = mse(x)",
        "mse(prediction): no form of mse takes these arguments\n  line 2, column 5:\n    y = mse(x)\n        ^^^^^^\n"
        "  hint: mse(prediction, target); mse of x: N",
    ),
    (
        "y = layer_norm(x, eps=x)",
        "layer_norm: the parameter eps is a plain number, not Array <symbolic array N float64>\n  line 2, column 5:\n"
        "    y = layer_norm(x, eps=x)\n        ^^^^^^^^^^^^^^^^^^^^",
    ),
    (
        "y = reshape(x, (3 / 0, 2))",
        "a division by zero\n  line 2, column 17:\n    y = reshape(x, (3 / 0, 2))\n                    ^^^^^",
    ),
]


@pytest.mark.parametrize(("text", "message"), ERRORS)
def test_errors_point_at_the_place(text: str, message: str) -> None:
    with pytest.raises(CovectorError) as caught:
        read(DECLARED + text)
    assert str(caught.value) == message


def test_unknown_names_are_unknown_name_errors() -> None:
    for text in ("y = q + 1", "y = sofmax(x)"):
        with pytest.raises(UnknownNameError):
            read(DECLARED + text)

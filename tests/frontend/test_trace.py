"""Programs from Python functions: the statements that a person would write, named as in the function."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector.errors import CovectorError
from covector.frontend.arrays import Array
from covector.frontend.functions import NAMESPACE
from covector.frontend.program import read_program
from covector.frontend.trace import trace
from covector.ir import check
from covector.run.reference import evaluate

relu, softmax, layer_norm = NAMESPACE["relu"], NAMESPACE["softmax"], NAMESPACE["layer_norm"]
LINEAR = {"input": "M infs", "weight": "outfs infs", "bias": "outfs"}


def linear(input: Array, weight: Array, bias: Array) -> Array:
    return input @ weight.T + bias


def network(x: Array, w: Array, b: Array, v: Array) -> Array:
    h = relu(x @ w + b)
    logits = h @ v
    return softmax(logits)


def numpy_network(x: Any, w: Any, b: Any, v: Any) -> Any:
    h = np.maximum(np.matmul(x, w) + b, 0)
    e = np.exp(h @ v - np.max(h @ v, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True) * np.sqrt(np.mean(np.abs(e)))


def test_a_function_is_the_statement_in_element_form_and_in_matrix_form() -> None:
    declared = "; ".join(f"{name}: {shape}" for name, shape in LINEAR.items())
    traced = trace(linear, LINEAR)
    element = read_program(f"{declared}; linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]")
    matrix = read_program(f"{declared}; linear = input @ weight.T + bias")
    assert traced.output is element.output
    assert traced.output is matrix.output
    assert traced.inputs == element.inputs


def test_variables_name_the_statements() -> None:
    program = check(trace(network, {"x": "B D", "w": "D H", "b": "H", "v": "H C"}))
    assert repr(program).splitlines()[4:] == [
        "h[i, j] = relu(add(sum[k](mul(x[i, k], w[k, j])), b[j]))",
        "logits[i, j] = sum[k](mul(h[i, k], v[k, j]))",
        "network[i, j] = div(exp(sub(logits[i, j], stop(max[k](logits[i, k])))), "
        "sum[l](exp(sub(logits[i, l], stop(max[k](logits[i, k]))))))",
    ]


def test_functions_of_numpy_have_their_values() -> None:
    generator = np.random.default_rng(0)
    arrays = {
        name: generator.normal(size=shape) for name, shape in [("x", (4, 3)), ("w", (3, 5)), ("b", (5,)), ("v", (5, 2))]
    }
    program = check(trace(numpy_network, {"x": "B D", "w": "D H", "b": "H", "v": "H C"}))
    result = evaluate(program, arrays)["numpy_network"]
    np.testing.assert_allclose(result, numpy_network(**arrays), rtol=1e-12)


NUMPY: list[Callable[[Any, Any], Any]] = [
    lambda x, y: np.add(x, y) - np.subtract(1, x) * np.multiply(x, y) / np.divide(y, 2),
    lambda x, y: np.arctan2(x, y) + np.arcsin(x / 2) + np.power(x, y) + np.float_power(x, 2) + np.absolute(-x),
    lambda x, y: np.where(np.logical_and(x > 1, np.logical_not(np.greater(y, 1))), x, np.minimum(y, 1)),
    lambda x, y: np.sum(x, axis=0) + np.prod(y, 1, keepdims=True) + np.amax(x) - np.min(y, axis=-1),
    lambda x, y: np.add.reduce(x) + np.maximum.reduce(y, axis=1, keepdims=True),
    lambda x, y: np.var(x, axis=0) + np.std(y),
    lambda x, y: np.einsum("ij,jk->ik", x, y) + np.dot(x, y) + np.matmul(x, np.transpose(y)),
    lambda x, y: np.trace(x) * y + np.outer(np.sum(x, axis=0), np.sum(y, axis=1)) + np.diag(np.diag(x)),
    lambda x, y: np.reshape(x, (9,)) + np.squeeze(np.expand_dims(np.reshape(y, -1), 0), axis=0),
    lambda x, y: np.linalg.norm(x) + np.linalg.norm(y, axis=1) + np.square(x) + np.log1p(y) + np.expm1(x) + np.sign(-y),
    lambda x, y: np.any(x > 1, axis=1) | np.all(y > 0),
    lambda x, y: x.T @ y + np.negative(x),
]


@pytest.mark.parametrize("case", range(len(NUMPY)))
def test_protocols_of_numpy(case: int) -> None:
    x, y = np.random.default_rng(case).uniform(0.5, 1.5, (2, 3, 3))
    program = check(trace(NUMPY[case], {"x": (3, 3), "y": "3 3"}))
    np.testing.assert_allclose(evaluate(program, {"x": x, "y": y})[program.output.name], NUMPY[case](x, y), rtol=1e-12)


def test_several_outputs() -> None:
    def moments(x: Array) -> tuple[Array, Array]:
        mu = np.mean(x)
        return mu, np.mean((x - mu) ** 2)

    program = check(trace(moments, {"x": "N"}))
    assert [output.name for output in program.outputs] == ["moments0", "moments1"]
    x = np.arange(5.0)
    values = evaluate(program, {"x": x})
    assert (values["moments0"], values["moments1"]) == (x.mean(), x.var())


def test_shapes_can_be_given_in_several_ways() -> None:
    def function(a: Array, b: Array, c: Array, d: Array, e: Array) -> Array:
        return a + b * c + d + e

    program = trace(function, {"a": ("M", 3), "b": "M 3 float32", "c": "", "d": (), "e": 3})
    assert [repr(given) for given in program.inputs] == [
        "a: M 3 float64",
        "b: M 3 float32",
        "c: () float64",
        "d: () float64",
        "e: 3 float64",
    ]


def test_defaults_keywords_and_partial_functions() -> None:
    def scaled(x: Array, /, power: int = 2, *, scale: Array) -> Array:
        return scale * x**power

    program = trace(scaled, {"x": "N", "scale": ""})
    assert repr(program.output) == "scaled[i] = mul(scale, pow(x[i], 2))"
    partial = functools.partial(linear, bias=0)
    assert repr(trace(partial, {"input": "M K", "weight": "N K"}).output) == (
        "y[i, j] = add(sum[k](mul(input[i, k], weight[j, k])), 0)"
    )


def test_names_that_are_taken() -> None:
    program = trace(lambda y: y * 2, {"y": "N"})
    assert repr(program.output) == "y2[i] = mul(y[i], 2)"

    def repeated(x: Array, w: Array) -> Array:
        for _ in range(2):
            x = np.tanh(x @ w)
        return x

    assert [s.name for s in trace(repeated, {"x": "N", "w": "N N"}).statements] == ["x2", "repeated"]


def test_a_closure_may_hold_numbers_and_inner_functions() -> None:
    eps = 1e-6

    def normal(x: Array) -> Array:
        def scale(z: Array) -> Array:
            return np.sqrt(np.mean(z**2, axis=-1, keepdims=True) + eps)

        return x / scale(x)

    assert repr(trace(normal, {"x": "M N"}).output) == (
        "normal[i, j] = div(x[i, j], sqrt(add(div(sum[k](pow(x[i, k], 2)), N), 1/1000000)))"
    )


def recursive(x: Array) -> Array:
    return recursive(x * 2)


def branching(x: Array) -> Array:
    return x if x > 0 else -x


def nothing(x: Array) -> None:
    x + 1


def starred(*arrays: Array) -> Array:
    return arrays[0]


LEAKED: list[Array] = []


def leaking(x: Array) -> Array:
    LEAKED.append(x)
    return LEAKED[0] + x


ERRORS: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (
        linear,
        {"input": "M K", "weight": "N K"},
        "the parameter 'bias' of linear has no shape (shapes are given for: input, weight)\n"
        "  hint: add 'bias': \"M N\" to the shapes",
    ),
    (linear, {**LINEAR, "wieght": "N"}, "linear has no parameter 'wieght'\n  hint: did you mean 'weight'?"),
    (
        starred,
        {"arrays": "N"},
        "starred takes *arrays, so its inputs have no names\n  hint: give each input a parameter of its own",
    ),
    (
        recursive,
        {"x": "N"},
        "recursive calls itself without end\n"
        "  hint: a condition on a symbolic array cannot stop a recursion: write a loop over a fixed number of steps",
    ),
    (
        branching,
        {"x": "()"},
        "the truth of a symbolic array is not known: its values are not known while a program is traced\n"
        "  hint: branch on values with select(condition, a, b) (or where), which takes both branches",
    ),
    (nothing, {"x": "N"}, "nothing returns None, where an array is wanted\n  hint: add a return statement"),
    (
        lambda x: 3.5,
        {"x": "N"},
        "y returns float 3.5, where an array is wanted\n  hint: return an array, or a tuple of arrays",
    ),
    (
        lambda x: (x, "a"),
        {"x": "N"},
        "y returns, among others, str 'a', where an array is wanted\n  hint: return an array, or a tuple of arrays",
    ),
    (lambda x: (), {"x": "N"}, "y returns an empty tuple, where an array is wanted"),
    (
        lambda x: np.linalg.svd(x)[0],
        {"x": "N N"},
        "numpy.linalg.svd cannot be applied to a symbolic array\n"
        "  hint: write it with operations that are known, or in element form",
    ),
    (
        lambda x: np.cumprod(x) + x,
        {"x": "N"},
        "numpy.cumprod cannot be applied to a symbolic array\n"
        "  hint: write it with operations that are known, or in element form",
    ),
    (
        lambda x: np.floor_divide(x, 2),
        {"x": "N"},
        "numpy.floor_divide cannot be applied to a symbolic array\n"
        "  hint: write it with operations that are known, or in element form",
    ),
    (
        lambda x: x + np.ones((2, 2)),
        {"x": "2 2"},
        "a NumPy array of shape (2, 2) cannot stand in a symbolic program\n"
        "  hint: make it an input: a parameter of the function, with its shape",
    ),
    (
        lambda x: x,
        {"x": 1.5},
        'the shape of x is float 1.5\n  hint: write it as text, x: "M N", or as a tuple, ("M", 3)',
    ),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors_say_what_is_wrong(case: int) -> None:
    function, shapes, text = ERRORS[case]
    with pytest.raises(CovectorError) as caught:
        trace(function, shapes)
    assert str(caught.value) == text


def test_an_array_that_outlives_its_trace() -> None:
    LEAKED.clear()
    trace(leaking, {"x": "N"})
    with pytest.raises(CovectorError, match="arrays of two different traces meet in one expression"):
        trace(leaking, {"x": "N"})
    with pytest.raises(CovectorError, match="returns an array of another trace"):
        trace(lambda x: LEAKED[0], {"x": "N"})

"""Functions checked: how they are called, what they are tried at, what is said of them."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.checker.functions import check_function
from covector.checker.functions_inputs import extent_value, read_inputs
from covector.checker.functions_signature import signature_of
from covector.checker.locate_pattern import pattern
from covector.errors import NotationError
from tests.checker import handwritten as hand
from tests.checker.truths import TRUTHS, check_truth

Array = np.ndarray[Any, Any]
SQUARE = "y[i,j] = x[i,j]**2"
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
needs_jax = pytest.mark.skipif(find_spec("jax") is None, reason="JAX is not installed")


@pytest.mark.parametrize("name", TRUTHS)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_true_is_not_accused(name: str, seed: int) -> None:
    verdict = check_truth(name, seed)
    assert verdict.verdict == "agrees", str(verdict)
    assert verdict.evidence.points > 20
    assert verdict.evidence.error is not None
    assert verdict.evidence.error < 1e-7


def test_there_are_many_truths() -> None:
    assert len(TRUTHS) >= (60 if find_spec("torch") else 40)


# How a backward is called


@pytest.mark.parametrize(
    ("backward", "roles"),
    [
        (lambda x, w, grad_output: 0, ("input x", "input w", "cotangent")),
        (lambda G, x, w: 0, ("cotangent", "input x", "input w")),
        (lambda dout, cache: 0, ("cotangent", "cache")),
        (lambda ctx, g: 0, ("cache", "cotangent")),
        (lambda dy, x, w, y: 0, ("cotangent", "input x", "input w", "output")),
        (lambda a, b, c: 0, ("input x", "input w", "cotangent")),
        (lambda dout, a, b: 0, ("cotangent", "input x", "input w")),
        (lambda w, seed, x: 0, ("input w", "cotangent", "input x")),
        (lambda w, x: 0, ("input w", "input x")),
        (lambda *args: 0, ("input x", "input w", "cotangent")),
        (lambda x, w, g, eps=1e-5: 0, ("input x", "input w", "cotangent")),
    ],
)
def test_the_signature_is_read_from_names(backward: Any, roles: tuple[str, ...]) -> None:
    assert signature_of(backward, ["x", "w"], None).roles == roles


def test_the_signature_can_be_said() -> None:
    assert signature_of(print, ["x", "w"], "grad, *inputs").roles == ("cotangent", "input x", "input w")
    with pytest.raises(NotationError, match="'z' in the signature is no input"):
        signature_of(print, ["x"], "x, z")
    with pytest.raises(NotationError, match="is not clear"):
        signature_of(lambda a, b, c, d: 0, ["x"], None)


def test_forwards_that_keep_something() -> None:
    def with_cache(x: Array) -> tuple[Array, Array]:
        return x**2, x

    def with_context(ctx: Any, x: Array) -> Array:
        ctx.save_for_backward(x)
        return x**2

    assert check_function(lambda dout, cache: 2 * cache * dout, of=with_cache, inputs="M N")
    assert check_function(lambda ctx, g: 2 * ctx.saved_tensors[0] * g, of=with_context, inputs={"x": "M N"})


def test_results_by_name_and_in_order() -> None:
    of, inputs = "y[i] = x[i]*w[i]", {"x": "N", "w": "N"}
    assert check_function(lambda x, w, g: {"dw": g * x, "dx": g * w}, of=of, inputs=inputs)
    assert check_function(lambda x, w, g: [g * w, g * x], of=of, inputs=inputs)
    assert check_function(lambda x, w, g: g * w, of=of, inputs=inputs, wrt="x")
    assert not check_function(lambda x, w, g: (g * x, g * w), of=of, inputs=inputs)


def test_several_outputs() -> None:
    def forward(x: Array) -> tuple[Array, Array]:
        return x**2, np.sin(x)

    backward = lambda x, g, h: 2 * x * g + np.cos(x) * h  # noqa: E731
    assert check_function(backward, of=forward, inputs=["N"], signature="x, grad")


def test_a_loss_needs_no_cotangent() -> None:
    assert check_function(lambda x: 2 * x, of="l = sum[i](x[i]**2)", inputs=["N"])
    assert check_function(lambda x: 2 * x / len(x), of=lambda x: (x**2).mean(), inputs=["N"])


# Inputs


def test_inputs_are_described_in_many_ways() -> None:
    of = np.log
    backward = lambda x, g: g / x  # noqa: E731
    ways: list[Any] = ["M N positive", (3, 4), np.full((2, 3), 2.0), lambda rng: rng.uniform(1, 2, (3, 2))]
    for way in ways:
        assert check_function(backward, of=of, inputs={"x": way}), way
    assert check_function(backward, of=of, inputs=lambda rng: {"x": rng.uniform(1, 2, 5)})
    assert check_function(lambda x, g: 2 * x * g, of=SQUARE)


def test_extents() -> None:
    assert extent_value("(2*F - 1)", {"F": 3}) == 5
    found = read_inputs({"x": ("M", 3, ...), "i": "M int<(2*V)"}, (), np.random.default_rng(0))
    assert found.specs[0].extents == ("M", "3", "...")
    assert found.specs[1].limit == "(2*V)"
    for bad in ("M (", "M f(x)", "M 1.5"):
        with pytest.raises(NotationError):
            read_inputs({"x": bad}, (), np.random.default_rng(0)).draw({"M": 2}, 0, np.random.default_rng(0))


def test_what_is_not_understood() -> None:
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (lambda a, b, c, d: 0, {"of": SQUARE, "inputs": "M N"}, "is not clear"),
        (lambda x, g: g, {"of": SQUARE, "inputs": {"z": "M N"}}, "z"),
        (lambda x, g: g, {"of": np.sin}, "shapes of the inputs are not said"),
        (None, {"of": np.sin, "inputs": "N"}, "has no backward of its own"),
        (None, {}, "nothing to check"),
        (3, {"of": np.sin, "inputs": "N"}, "a backward is a function"),
        (lambda x, g: g, {"of": "y[i] = (", "inputs": "N"}, "column"),
        (lambda x, g: g, {"of": lambda x: np.log(-x), "inputs": "N positive"}, "not finite"),
        (lambda x, g: g, {"of": lambda x: x * np.random.default_rng().random(), "inputs": "N"}, "other values"),
        (lambda x, g: g, {"of": np.sin, "inputs": "N", "framework": "tensorflow"}, "no framework"),
        (lambda x, g: g, {"of": SQUARE, "inputs": "M N", "wrt": "w"}, "no input that has a gradient"),
    ]
    for backward, keywords, message in cases:
        verdict = check_function(backward, **keywords)
        assert verdict.verdict == "not understood", (keywords, verdict.message)
        assert message in verdict.message, verdict.message


# When it is wrong


@pytest.mark.parametrize(
    ("backward", "cause"),
    [
        (lambda x, g: (g * (2.0 if x.dtype == np.float64 else 2.1) * x).astype(x.dtype), "only for float32"),
        (lambda x, g: g * 2 * x if x.flags.c_contiguous else g * x, "only for inputs that are not contiguous"),
        (lambda x, g: g * 2 * x * (3 if x.shape[0] == 1 else 1), "only where M is 1"),
        (lambda x, g: g * 2 * (x if x.shape[0] != x.shape[1] else x.T), "only where M = N"),
        (lambda x, g: g * 2 * x if len(x) < 5 else g * x, "only where M is 5 or more"),
    ],
)
def test_where_it_is_wrong_only_sometimes(backward: Any, cause: str) -> None:
    verdict = check_function(backward, of=SQUARE, inputs="M N")
    assert verdict.cause is not None
    assert verdict.cause.name.startswith(cause), verdict


def test_patterns() -> None:
    grid = np.zeros((5, 6), dtype=bool)
    cases = {
        "one entry, [2, 3]": [(2, 3)],
        "the last row (4 of axis 0)": [(4, slice(None))],
        "column 2 (of axis 1)": [(slice(None), 2)],
        "the block [1:3, 2:4]": [(slice(1, 3), slice(2, 4))],
        "every entry": [(slice(None), slice(None))],
        "rows 1, 3": [(1, slice(None)), (3, slice(None))],
    }
    for words, places in cases.items():
        mask = grid.copy()
        for place in places:
            mask[place] = True
        assert pattern(mask).startswith(words.partition(" (")[0]), pattern(mask)
    rows, columns = np.indices((4, 4))
    assert pattern(rows == columns) == "the diagonal"
    assert pattern(rows != columns) == "everything off the diagonal"
    assert pattern(columns > rows) == "the entries above the diagonal"
    last = np.zeros((4, 2, 3), dtype=bool)
    last[3] = True
    assert pattern(last) == "the last batch element (3 of axis 0)"


def test_the_counterexample_is_small() -> None:
    verdict = check_function(lambda x, g: 3 * x * g, of=SQUARE, inputs="M N")
    found = verdict.counterexample
    assert found is not None
    assert found.extents == {"M": 1, "N": 1}
    assert all(isinstance(row[0], int) for row in found.inputs.values() for row in row)
    assert found.claimed[0][0] * 2 == found.true[0][0] * 3
    assert verdict.json()["counterexample"]["where"] == [0, 0]


def test_kinks_are_left_out_and_counted() -> None:
    example = np.array([0.0, 1.0, -1.0, 0.0])
    for of in (lambda x: np.maximum(x, 0), "y[i] = relu(x[i])"):
        for convention in (lambda x, g: g * (x >= 0), lambda x, g: g * (x > 0)):
            verdict = check_function(convention, of=of, inputs={"x": example})
            assert verdict.verdict == "agrees", verdict.message
    verdict = check_function(lambda x, g: g * (x >= 0), of=lambda x: np.maximum(x, 0), inputs={"x": example})
    assert any("kinks or ties" in reason for reason in verdict.evidence.skipped)


def test_large_tensors_are_compared_in_blocks_and_directions() -> None:
    of = np.sin
    assert check_function(lambda x, g: g * np.cos(x), of=of, inputs={"x": (90, 80)}, dtypes=("float64",), limit=500)

    def wrong_in_a_row(x: Array, g: Array) -> Array:
        found = g * np.cos(x)
        found[40] *= 1.5
        return found

    verdict = check_function(wrong_in_a_row, of=of, inputs={"x": (90, 80)}, dtypes=("float64",), limit=500)
    assert verdict.verdict == "wrong"


# Hostile functions


def _raises(x: Array, g: Array) -> Array:
    raise KeyError("boom")


def _mutates(x: Array, g: Array) -> Array:
    x *= 2
    return g * x


@pytest.mark.parametrize(
    ("backward", "cause", "message"),
    [
        (lambda x, g: "hello", "no gradient", "it returns a str"),
        (lambda x, g: None, "no gradient", "it returns nothing"),
        (lambda x, g: (g, g), "wrong number of gradients", "2 gradients"),
        (lambda x, g: {"z": g}, "no gradient", "no gradient for x"),
        (lambda x, g: g * np.inf, "not finite", "not finite"),
        (lambda x, g: g * np.nan, "not finite", "not finite"),
        (lambda x, g: (g * x).tolist, "no array", "no array"),
        (lambda x, g: np.array(["a"]), "no array", "no array"),
        (lambda x, g: 2 * x * g + 0j, "dtype", "complex"),
        (_raises, "raises KeyError", "(3, 5): 'boom'"),
        (_mutates, "changes its inputs", "changes x in place"),
        (lambda x, g: 2 * x * g * (1 + 1e-3 * np.random.default_rng().random()), "not deterministic", "twice"),
        (lambda x, g: 2 * x * g + g.sum(), "wrong mean", "x"),
    ],
)
def test_hostile_functions_end_in_a_message(backward: Any, cause: str, message: str) -> None:
    verdict = check_function(backward, of=SQUARE, inputs={"x": "M N"})
    assert verdict.verdict == "wrong"
    assert verdict.cause is not None
    assert verdict.cause.name == cause, verdict
    assert message in verdict.message + verdict.cause.sentence


def test_a_function_that_sleeps_is_ended() -> None:
    start = time.monotonic()
    verdict = check_function(lambda x, g: time.sleep(30), of=SQUARE, inputs="M N", time_limit=0.05)
    assert verdict.cause is not None
    assert verdict.cause.name == "time limit"
    assert time.monotonic() - start < 20


# PyTorch and JAX


@needs_torch
def test_modules_and_second_order() -> None:
    import torch

    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh())
    assert check_function(module, inputs={"input": (2, 2)})
    assert check_function(hand.TorchLinear, inputs={"x": "M I", "w": "O I"}, order=2)

    class Detached(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * 3 * ctx.saved_tensors[0].detach() ** 2

    assert check_function(Detached, inputs={"x": "N"})
    assert check_function(Detached, inputs={"x": "N"}, order=2).verdict == "wrong"
    verdict = check_function(Detached, of="y[i] = x[i]**2", inputs={"x": "N"})
    assert verdict.verdict == "wrong"


@needs_torch
def test_a_module_with_dropout_is_not_understood() -> None:
    import torch

    verdict = check_function(torch.nn.Dropout(0.5), inputs={"input": (40, 3)})
    assert verdict.verdict == "not understood"
    assert "module.eval()" in verdict.message


@needs_jax
def test_custom_rules_of_jax() -> None:
    import jax

    @jax.custom_vjp
    def sine(x: Any) -> Any:
        return jax.numpy.sin(x)

    sine.defvjp(lambda x: (jax.numpy.sin(x), x), lambda x, g: (g * jax.numpy.cos(x),))
    assert check_function(sine, inputs={"x": (2, 3)}, order=2)
    assert check_function(sine, of="y[i] = sin(x[i])", inputs={"x": (3,)})
    sine.defvjp(lambda x: (jax.numpy.sin(x), x), lambda x, g: (2 * g * jax.numpy.cos(x),))
    verdict = check_function(sine, inputs={"x": (2, 3)})
    assert verdict.cause is not None
    assert verdict.cause.name == "factor 2"


def test_tensors_of_covector() -> None:
    inputs = {"x": "M I", "w": "O I", "b": "O"}

    def layer(x: Any, w: Any, b: Any) -> Any:
        return cv.tanh(x @ w.transpose(0, 1) + b)

    own = check_function(None, of=layer, inputs=inputs)
    assert own.verdict == "agrees", str(own)
    assert check_function(None, of=layer, inputs=inputs, order=2).verdict == "agrees"

    def backward(x: Any, w: Any, b: Any, grad_output: Any) -> Any:
        d = grad_output * (1 - cv.tanh(x @ w.transpose(0, 1) + b) ** 2)
        return d @ w, d.transpose(0, 1) @ x, d.sum(0)

    program = "z = x @ w.T + b; y = tanh(z)"
    for of in (layer, program):
        assert check_function(backward, of=of, inputs=inputs).verdict == "agrees"
    assert check_function(layer, of=program, inputs=inputs).verdict == "not understood"  # a forward is no backward

    def forgetful(x: Any, w: Any, b: Any, grad_output: Any) -> Any:
        dx, dw, _ = backward(x, w, b, grad_output)
        return dx, dw, grad_output * (1 - cv.tanh(x @ w.transpose(0, 1) + b) ** 2)

    verdict = check_function(forgetful, of=layer, inputs=inputs)
    assert verdict.cause is not None
    assert verdict.cause.name == "missing sum over the batch"

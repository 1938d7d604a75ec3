"""Rules of one's own, checkpoints and control flow: as what they are made of, under every transform."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector.errors import CovectorError, GradientError, JitError, ShapeError, TransformError
from covector.transforms import RuleWarning
from tests.transforms.functions import agree

GENERATOR = np.random.default_rng(0)
X, Y = (cv.tensor(GENERATOR.standard_normal((3, 4))) for _ in range(2))


def plain(x: Any, y: Any) -> Any:
    return cv.sin(x * y) * cv.exp(-x * x)


def _slopes(x: Any, y: Any) -> tuple[Any, Any]:
    e = cv.exp(-x * x)
    return (cv.cos(x * y) * y - 2 * x * cv.sin(x * y)) * e, cv.cos(x * y) * x * e


def by_vjp() -> Any:
    made = cv.custom_vjp(plain)

    def forward(x: Any, y: Any) -> Any:
        return plain(x, y), {"x": x, "y": y}

    made.defvjp(forward, lambda kept, g: tuple(slope * g for slope in _slopes(kept["x"], kept["y"])))
    return made


def by_jvp() -> Any:
    made = cv.custom_jvp(plain)

    @made.defjvp
    def rule(primals: Any, tangents: Any) -> Any:
        a, b = _slopes(*primals)
        return plain(*primals), a * tangents[0] + b * tangents[1]

    return made


def summed(f: Any) -> Any:
    return lambda *a: (f(*a) ** 2).sum()


TRANSFORMS: dict[str, Callable[[Any], Any]] = {
    "value": lambda f: f(X, Y),
    "gradient": lambda f: cv.grad(summed(f), (0, 1))(X, Y),
    "jvp": lambda f: cv.jvp(f, (X, Y), (Y, X)),
    "vjp": lambda f: cv.vjp(f, X, Y)[1](X),
    "vmap": lambda f: cv.vmap(f, (0, None))(X, Y[0]),
    "vmap of gradients": lambda f: cv.vmap(cv.grad(summed(f), (0, 1)), (0, None))(X, Y[0]),
    "gradient of vmap": lambda f: cv.grad(lambda x, y: (cv.vmap(f, (0, None))(x, y) ** 2).sum(), (0, 1))(X, Y[0]),
    "vmap of jvp": lambda f: cv.vmap(lambda x: cv.jvp(f, (x, Y[0]), (x, x))[1])(X),
    "jacfwd": lambda f: cv.jacfwd(f, (0, 1))(X[0], Y[0]),
    "jacrev": lambda f: cv.jacrev(f, (0, 1))(X[0], Y[0]),
    "hessian": lambda f: cv.func.hessian(summed(f), (0, 1))(X[0], Y[0]),
    "third": lambda f: cv.jacfwd(cv.func.hessian(lambda x: summed(f)(x, Y[0, :2])))(X[0, :2]),
    "jit": lambda f: cv.jit(cv.value_and_grad(summed(f), (0, 1)))(X, Y),
    "nested": lambda f: cv.grad(summed(lambda x: f(f(x, Y), x)))(X),
    "checkpoint": lambda f: cv.grad(summed(cv.checkpoint(f)), (0, 1))(X, Y),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
@pytest.mark.parametrize("made", [by_vjp, by_jvp, lambda: cv.checkpoint(plain)], ids=["vjp", "jvp", "checkpoint"])
def test_a_right_rule_changes_nothing(made: Any, transform: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuleWarning)
        agree(transform(made()), transform(plain), 1e-11)


def test_a_wrong_rule_is_told_and_used() -> None:
    wrong = cv.custom_vjp(lambda x: x * x)
    wrong.defvjp(lambda x: (x * x, x), lambda x, g: (3 * x * g,))
    with pytest.warns(RuleWarning, match=r"(?s)the cotangent of argument .* at element \[\d\] is .* by the rule and"):
        assert cv.grad(lambda x: wrong(x).sum())(cv.ones(2)).tolist() == [3, 3]
    agree(cv.jvp(wrong, (cv.ones(2),), (cv.ones(2),))[1], cv.tensor([3.0, 3.0]))
    jvp = cv.custom_jvp(cv.tanh)
    jvp.defjvp(lambda primals, tangents: (cv.tanh(primals[0]), tangents[0] * 2))
    with pytest.warns(RuleWarning, match="the tangent of value number 0"):
        assert cv.grad(lambda x: jvp(x).sum())(cv.zeros(2)).tolist() == [2, 2]
    meant = cv.custom_vjp(cv.sign)
    meant.defvjp(lambda x: (cv.sign(x), None), lambda _, g: (g,), check=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cv.grad(lambda x: meant(x).sum())(cv.ones(2)).tolist() == [1, 1]


def test_several_values_settings_and_arguments_without_a_cotangent() -> None:
    made = cv.custom_vjp(lambda n, x, i: (x[i] * n, x.sum()), nondiff_argnums=(0,))

    def backward(n: int, kept: Any, g: Any) -> Any:
        x, i = kept
        picked = (cv.arange(x.shape[0])[:, None] == i).astype(x.dtype)
        return picked @ g[0] * n + g[1], None

    made.defvjp(lambda n, x, i: ((x[i] * n, x.sum()), (x, i)), backward)
    x, i = cv.tensor([1.0, 2.0, 3.0]), cv.tensor([2, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuleWarning)
        _, pullback = cv.vjp(lambda x: made(5, x, i), x)
        assert pullback((cv.tensor([1.0, 10.0]), cv.tensor(100.0)))[0].tolist() == [150, 100, 105]


def test_rules_that_do_not_fit() -> None:
    made = cv.custom_vjp(lambda x, y: x * y)
    with pytest.raises(TransformError, match="has no rule"):
        cv.grad(made)(cv.tensor(1.0), cv.tensor(1.0))
    made.defvjp(lambda x, y: (x * y, None), lambda _, g: (g,))
    with pytest.raises(TransformError, match="a tuple of 2 cotangents"):
        cv.grad(made)(cv.tensor(1.0), cv.tensor(1.0))
    made.defvjp(lambda x, y: (x * y, None), lambda _, g: (g, cv.ones(3)))
    with pytest.raises(ShapeError, match=r"a cotangent of shape \[3\] for an argument of shape \[\]"):
        cv.grad(made)(cv.tensor(1.0), cv.tensor(1.0))
    weight = cv.ones(2, requires_grad=True)
    found = cv.custom_vjp(lambda x: x * weight)
    found.defvjp(lambda x: (x * weight, None), lambda _, g: (g,))
    with pytest.raises(GradientError, match="give it as an argument"):
        cv.grad(lambda x: found(x).sum())(cv.ones(2))
    jvp = cv.custom_jvp(cv.sin)
    jvp.defjvp(lambda primals, tangents: (primals[0], tangents[0].sum()))
    with pytest.raises(ShapeError, match=r"tangents of shapes \[\[\]\] for values of shapes \[\[2\]\]"):
        cv.grad(lambda x: jvp(x).sum())(cv.ones(2))


def test_rules_that_differ_in_a_number_are_each_compared() -> None:
    def with_factor(factor: float) -> Any:
        @cv.custom_vjp
        def square(x: Any) -> Any:
            return x * x

        square.defvjp(lambda x: (x * x, x), lambda x, g: (factor * x * g,))
        return cv.grad(lambda x: square(x).sum())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with_factor(2)(X)
    with pytest.warns(RuleWarning, match="the rule of square is not its derivative"):
        with_factor(3)(X)


def test_a_gradient_inside_of_what_is_detached() -> None:
    def loss(x: Any) -> Any:
        return (cv.grad(lambda y: (y**3).sum())(cv.stop_gradient(x)) * x * x).sum()

    expected = np.diag(6 * X[0].numpy() ** 2)
    for inner in (cv.func.jacfwd, cv.func.jacrev):
        for outer in (cv.func.jacfwd, cv.func.jacrev):
            np.testing.assert_allclose(outer(inner(loss))(X[0]).numpy(), expected, rtol=1e-12)


def test_a_stopped_gradient() -> None:
    tree = {"a": cv.tensor([1.0, 2.0])}
    assert cv.grad(lambda t: (t["a"] * cv.stop_gradient(t)["a"]).sum())(tree)["a"].tolist() == [1, 2]
    assert cv.jvp(cv.stop_gradient, (tree["a"],), (tree["a"],))[1].tolist() == [0, 0]
    assert cv.vmap(cv.grad(lambda x: x * cv.stop_gradient(x)))(tree["a"]).tolist() == [1, 2]


def test_a_checkpoint_takes_less_memory() -> None:
    weights = [cv.tensor(np.eye(32)) for _ in range(6)]
    x = cv.tensor(GENERATOR.standard_normal((512, 32)))

    def block(x: Any, w: Any) -> Any:
        for _ in range(4):
            x = cv.tanh(x @ w)
        return x

    def arena(block: Any) -> tuple[Any, int]:
        def loss(weights: Any) -> Any:
            y = x
            for w in weights:
                y = block(y, w)
            return (y * y).sum()

        step = cv.jit(cv.grad(loss))
        found = step(weights)
        (traced,) = next(iter(step.traces.values()))
        return found, traced.compiled.executable.explain().figures({})["arena"]

    (one, much), (two, less) = arena(block), arena(cv.checkpoint(block))
    agree(one, two, 1e-12)
    assert less < 0.8 * much


def test_random_numbers_of_a_checkpoint_are_drawn_once() -> None:
    noisy = cv.checkpoint(lambda x: x * cv.random.normal((3,)))
    value, pullback = cv.vjp(noisy, cv.ones(3))
    assert value.tolist() == pullback(cv.ones(3))[0].tolist()


def test_cond() -> None:
    def either(x: Any) -> Any:
        return cv.cond(x > 0, lambda x: {"y": cv.sqrt(x)}, lambda x: {"y": x * 2}, x)["y"]

    values, slopes = [2, -2, 0], [0.25, 2, 2]
    x = cv.tensor([4.0, -1.0, 0.0])
    assert [either(one).item() for one in x] == values
    assert [cv.grad(either)(one).item() for one in x] == slopes
    assert [cv.jit(either)(one).item() for one in x] == values
    assert [cv.jit(cv.grad(either))(one).item() for one in x] == slopes
    assert cv.vmap(either)(x).tolist() == values
    assert cv.vmap(cv.grad(either))(x).tolist() == slopes
    assert cv.vmap(lambda x: cv.jvp(either, (x,), (x * 0 + 1,))[1])(x).tolist() == slopes
    with pytest.raises(ShapeError, match="the condition is one value"):
        cv.cond(x > 0, cv.sin, cv.cos, x)
    with pytest.raises(TransformError, match="both ways return trees of the same structure"):
        cv.jit(lambda x: cv.cond(x.sum() > 0, lambda x: x, lambda x: x.sum(), x))(x)


def test_while_loop() -> None:
    def grown(x: Any, **most: Any) -> Any:
        return cv.while_loop(lambda v: v[1].sum() < 50, lambda v: (v[0] + 1, v[1] * v[1] + 1), (0, x), **most)

    starts = [cv.tensor(np.array(start)) for start in ([0.3, 0.1], [2.0, 1.0], [60.0, 1.0])]
    found = [grown(start) for start in starts]
    assert [steps.item() for steps, _ in found] == [4, 3, 0]
    bounded = cv.jit(lambda x: grown(x, max_steps=6))
    for start, expected in zip(starts, found, strict=True):
        agree(bounded(start), expected, 1e-12)
        slope = cv.grad(lambda x: grown(x)[1].sum())(start)
        agree(cv.jit(cv.grad(lambda x: grown(x, max_steps=6)[1].sum()))(start), slope, 1e-12)
    agree(cv.vmap(lambda x: grown(x, max_steps=6)[1])(cv.stack(starts)), cv.stack([y for _, y in found]), 1e-12)
    with pytest.raises(JitError, match="how many steps"):
        cv.jit(grown)(starts[0])
    with pytest.raises(ShapeError, match=r"a step makes a tensor of shape \[2, 1\]"):
        cv.while_loop(lambda x: x.sum() < 9, lambda x: x[:, None], cv.ones(2))


@pytest.mark.parametrize("jit", [lambda f: f, cv.jit], ids=["plain", "jit"])
def test_scan(jit: Any) -> None:
    def step(carry: Any, x: Any) -> Any:
        state = cv.tanh(carry["h"] + x["a"] * x["b"])
        return {"h": state}, (state * 2, None)

    def whole(h: Any, a: Any, b: Any, reverse: bool = False) -> Any:
        return cv.scan(step, {"h": h}, {"a": a, "b": b}, reverse=reverse)

    def loop(h: Any, a: Any, b: Any, reverse: bool = False) -> Any:
        states: list[Any] = [None] * a.shape[0]
        for t in range(a.shape[0])[:: -1 if reverse else 1]:
            h = states[t] = cv.tanh(h + a[t] * b[t])
        return h, cv.stack(states) * 2

    h, a, b = cv.zeros(4, dtype="float64"), X, Y
    for reverse in (False, True):
        carry, (stacked, none) = jit(lambda *x, r=reverse: whole(*x, reverse=r))(h, a, b)
        agree((carry["h"], stacked), loop(h, a, b, reverse), 1e-12)
        assert none is None
        one = jit(cv.grad(lambda *x, r=reverse: (whole(*x, reverse=r)[1][0] ** 2).sum(), (0, 1, 2)))(h, a, b)
        two = cv.grad(lambda *x, r=reverse: (loop(*x, reverse=r)[1] ** 2).sum(), (0, 1, 2))(h, a, b)
        agree(one, two, 1e-12)
    assert cv.scan(lambda c, _: (c * 2, c), cv.tensor(1.0), length=40)[1].shape == (40,)
    with pytest.raises(ShapeError, match=r"different numbers of steps, \[3, 5\]"):
        cv.scan(step, {"h": h}, {"a": a, "b": b}, length=5)
    with pytest.raises(TransformError, match="returns a pair"):
        cv.scan(lambda c, x: c, h, a)


def test_what_is_no_function_or_no_argument() -> None:
    x = cv.ones(2)
    for transform in (cv.jvp, cv.vjp, cv.linearize, cv.jacfwd, cv.jacrev, cv.vmap, cv.checkpoint, cv.custom_vjp):
        with pytest.raises(TransformError, match=r"is of a function, not a tensor"):
            transform(x, (x,), (x,)) if transform is cv.jvp else transform(x)
    whole = cv.tensor([1, 2])
    for call in (
        lambda: cv.jvp(cv.sin, (whole,), (whole,)),
        lambda: cv.vjp(cv.sin, whole),
        lambda: cv.jacfwd(cv.sin)(whole),
        lambda: cv.jacrev(cv.sin)(whole),
    ):
        with pytest.raises(CovectorError, match=r"argument 0 holds a tensor of shape \[2\] and dtype int64"):
            call()
    with pytest.raises(CovectorError, match="argument 0 is 'text'"):
        cv.vjp(lambda x: x, "text")
    with pytest.raises(TransformError, match="argnums is 2, but only 1 positional arguments were given"):
        cv.jacfwd(cv.sin, 2)(x)
    with pytest.raises(TransformError, match="returned NoneType, which holds no tensor"):
        cv.vjp(lambda x: None, x)
    with pytest.raises(TransformError, match=r"returns a pair, \(value, aux\)"):
        cv.vjp(cv.sin, x, has_aux=True)
    with pytest.raises(CovectorError, match="argument 0 holds no tensor"):
        cv.grad(lambda x: x)(2.0)
    with pytest.raises(GradientError, match="argnums is 2, but only 1 positional arguments were given"):
        cv.grad(cv.sin, 2)(x)
    with pytest.raises(GradientError, match="grad is of a function, not Tensor"):
        cv.grad(x)  # type: ignore[arg-type]
    with pytest.raises(CovectorError, match=r"hessian: argument 0 holds a tensor of shape \[2\] and dtype int64"):
        cv.func.hessian(cv.sin)(whole)


def test_directions_that_do_not_fit() -> None:
    x = cv.ones(2)
    with pytest.raises(TransformError, match="1 primals, but 2 tangents"):
        cv.jvp(cv.sin, (x,), (x, x))
    with pytest.raises(TransformError, match="are a tuple"):
        cv.jvp(cv.sin, x, x)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match=r"number 0 of the tangents has shape \[3\]"):
        cv.jvp(cv.sin, (x,), (cv.ones(3),))
    with pytest.raises(CovectorError, match="has dtype int64"):
        cv.jvp(cv.sin, (x,), (cv.tensor([1, 2]),))
    with pytest.raises(TransformError, match="must have the structure"):
        cv.jvp(lambda t: t["a"], ({"a": x},), ({"b": x},))
    with pytest.raises(ShapeError, match=r"number 0 of the cotangents has shape \[\]"):
        cv.vjp(cv.sin, x)[1](cv.tensor(1.0))
    with pytest.raises(TransformError, match="the vector as its last argument"):
        cv.func.hvp(cv.sin)(x)
    with pytest.raises(CovectorError, match=r"covector\.jacobian keeps its structure"):
        cv.jacfwd(cv.sin)(cv.ones(1 << 17))

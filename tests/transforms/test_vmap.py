"""`vmap` against a loop over the examples, and random compositions of transforms against PyTorch's and loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from covector.errors import BudgetError, CovectorError, JitError, ShapeError, TransformError
from tests.transforms.functions import CASES, Case, agree, ours, tensors, torches

each = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
jitted = pytest.mark.parametrize("jit", [lambda f: f, cv.jit], ids=["plain", "jit"])
Jit = Callable[[Any], Any]
SIZE = 3


def batches(case: Case) -> list[Any]:
    """Arguments for several examples, the examples first."""
    examples = [case.arrays(seed) for seed in range(SIZE)]
    return [np.stack(column) for column in zip(*examples, strict=True)]


def looped(function: Any, arrays: list[Any]) -> Any:
    """The results for each example, stacked."""
    return cv.stack([function(*[array[at] for array in arrays]) for at in range(SIZE)])


@each
@jitted
def test_a_loop(case: Case, jit: Jit) -> None:
    arrays, function = tensors(batches(case)), ours(case)
    agree(jit(cv.vmap(function))(*arrays), looped(function, arrays), 1e-12)
    agree(cv.vmap(function, chunk_size=2)(*arrays), looped(function, arrays), 1e-12)


@each
def test_some_arguments_shared_and_other_axes(case: Case) -> None:
    arrays, function = tensors(batches(case)), ours(case)
    for mapped in range(len(arrays)):
        axes = tuple(-1 if at == mapped else None for at in range(len(arrays)))
        given = [np.moveaxis(a.numpy(), 0, -1) if at == mapped else a[0] for at, a in enumerate(arrays)]
        spread = [a if at == mapped else cv.stack([a[0]] * SIZE) for at, a in enumerate(arrays)]
        expected = np.moveaxis(looped(function, spread).numpy(), 0, -1)
        agree(cv.vmap(function, axes, -1)(*given), cv.tensor(expected), 1e-12)


@each
@jitted
def test_gradients_of_each_example(case: Case, jit: Jit) -> None:
    arrays, function = tensors(batches(case)), ours(case)

    def slope(*x: Any) -> Any:
        return cv.grad(lambda *x: cv.tanh(function(*x)).sum())(*x)

    agree(jit(cv.vmap(slope))(*arrays), looped(slope, arrays), 1e-12)
    total = cv.grad(lambda *x: cv.tanh(cv.vmap(function)(*x)).sum())
    agree(jit(total)(*arrays), looped(slope, arrays), 1e-12)


def test_gradients_of_each_example_of_a_model() -> None:
    generator = np.random.default_rng(0)
    model = cv.nn.Sequential(cv.nn.Linear(4, 8), cv.nn.Tanh(), cv.nn.Linear(8, 3))
    x, y = cv.tensor(generator.standard_normal((6, 4)).astype("float32")), cv.tensor(generator.integers(0, 3, 6))

    def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
        return cv.cross_entropy(cv.tanh(x @ w.T + b)[None], y[None])

    weight, bias = model[0].weight.detach(), model[0].bias.detach()
    found = cv.vmap(cv.grad(loss, (0, 1)), (None, None, 0, 0))(weight, bias, x, y)
    theirs = torch.func.vmap(
        torch.func.grad(
            lambda w, b, x, y: torch.nn.functional.cross_entropy(torch.tanh(x @ w.T + b)[None], y[None]), (0, 1)
        ),
        (None, None, 0, 0),
    )(*torches([weight.numpy(), bias.numpy(), x.numpy(), y.numpy()]))
    agree(found, theirs, 1e-5)
    agree(cv.vmap(model)(x), model(x).detach(), 1e-6)
    cv.vmap(model)(x).sum().backward()
    one = model[0].weight.grad.numpy()
    model.zero_grad()
    model(x).sum().backward()
    assert np.allclose(one, model[0].weight.grad.numpy(), atol=1e-5)


def test_axes_of_trees() -> None:
    tree = {"a": cv.ones((2, 3)), "b": [cv.ones((3, 2)), 5]}
    found = cv.vmap(lambda t: {"s": t["a"] + t["b"][0].sum(), "c": t["b"][1]}, ({"a": 0, "b": [1, None]},))(tree)
    assert found["s"].shape == (2, 3)
    assert found["c"].tolist() == [5, 5]
    both = cv.vmap(lambda x, y: (x, x + y), (0, None), (1, 0))(cv.ones((2, 3)), cv.ones(3))
    assert [part.shape for part in both] == [(3, 2), (2, 3)]
    assert cv.vmap(lambda x: cv.tensor(7.0), out_axes=None)(cv.ones(3)).item() == 7
    assert cv.vmap(lambda x, *, scale: x * scale)(cv.ones(2), scale=cv.tensor([1.0, 2.0])).tolist() == [1, 2]
    assert cv.vmap(lambda x: x.sum())(cv.ones((1, 3))).tolist() == [3]
    assert cv.vmap(lambda x: x * 2)(cv.ones((0, 3))).shape == (0, 3)


def test_sorting_and_nested_maps() -> None:
    x = np.random.default_rng(0).standard_normal((3, 5))
    assert np.array_equal(cv.vmap(lambda row: cv.sort(row).values)(cv.tensor(x)).numpy(), np.sort(x, 1))
    y = np.random.default_rng(1).standard_normal((4, 5))
    pairs = cv.vmap(cv.vmap(lambda a, b: (a * b).sum(), (None, 0)), (0, None))(cv.tensor(x), cv.tensor(y))
    assert np.allclose(pairs.numpy(), x @ y.T)


def test_random_numbers() -> None:
    def noisy(x: Any) -> Any:
        return x + cv.random.normal((2,))

    with pytest.raises(TransformError, match="draws random numbers"):
        cv.vmap(noisy)(cv.zeros((3, 2)))
    same = cv.vmap(noisy, randomness="same")(cv.zeros((3, 2))).numpy()
    assert (same == same[0]).all()
    cv.random.manual_seed(3)
    different = cv.vmap(noisy, randomness="different")(cv.zeros((3, 2))).numpy()
    cv.random.manual_seed(3)
    assert np.array_equal(different, np.stack([noisy(cv.zeros(2)).numpy() for _ in range(3)]))
    step = cv.jit(cv.vmap(noisy, randomness="different"))
    one, two = step(cv.zeros((3, 2))).numpy(), step(cv.zeros((3, 2))).numpy()
    assert not np.array_equal(one, two)
    assert not np.array_equal(one[0], one[1])
    nested = cv.vmap(cv.vmap(noisy, randomness="same"), randomness="different")(cv.zeros((3, 4, 2))).numpy()
    assert (nested == nested[:, :1]).all()
    assert not (nested == nested[:1]).all()


def test_what_cannot_be_mapped() -> None:
    x = cv.ones((2, 3))
    with pytest.raises(ShapeError, match=r"batches of different sizes \[2, 4\]"):
        cv.vmap(cv.add)(x, cv.ones(4))
    with pytest.raises(TransformError, match="nothing is mapped"):
        cv.vmap(cv.sin, None)(x)
    with pytest.raises(TransformError, match=r"in_axes names axis 2 of a tensor of shape \[2, 3\]"):
        cv.vmap(cv.sin, 2)(x)
    with pytest.raises(TransformError, match="out_axes names axis 3"):
        cv.vmap(cv.sin, 0, 3)(x)
    with pytest.raises(TransformError, match="names axes of 2 arguments, but 1 were given"):
        cv.vmap(cv.sin, (0, 0))(x)
    with pytest.raises(TransformError, match="differs from example to example"):
        cv.vmap(cv.sin, 0, None)(x)
    with pytest.raises(TransformError, match=r"argument 1 is 2\.0, which has no axis 0"):
        cv.vmap(cv.mul)(x, 2.0)
    with pytest.raises(TransformError, match="randomness is one of"):
        cv.vmap(cv.sin, randomness="some")
    with pytest.raises(TransformError, match="holds no tensor"):
        cv.vmap(lambda x: "nothing")(x)
    with pytest.raises(JitError, match="looks at the value of a tensor inside vmap"):
        cv.vmap(lambda x: x if x.sum() > 0 else -x)(x)
    with pytest.raises(BudgetError, match="chunk_size"):
        cv.vmap(lambda a: cv.ones(1 << 14) * a.unsqueeze(1))(cv.ones((64, 1 << 14)))


def test_what_is_written() -> None:
    x, total = cv.ones((2, 3)), cv.zeros(3)
    with pytest.raises(TransformError, match="writes to a tensor"):
        cv.vmap(total.add_)(x)
    assert total.tolist() == [0, 0, 0]

    def writes_to_its_own(row: Any) -> Any:
        made = row * 1
        made[0] = 7
        made += row
        return made

    assert cv.vmap(writes_to_its_own)(x).tolist() == [[8, 2, 2]] * 2
    count = cv.zeros(())

    def counts(row: Any) -> Any:
        count.add_(1)
        return row

    cv.jit(cv.vmap(counts))(x)
    assert count.item() == 1


def test_an_example_that_escapes_has_no_value() -> None:
    escaped = []
    cv.vmap(lambda x: escaped.append(x * 2) or x)(cv.ones(3))
    with pytest.raises(CovectorError, match="vmap or another transform traced left the function"):
        escaped[0].numpy()


VECTOR = 3
WEIGHTS = np.array([0.5, -1.0, 0.75])


def _ours(space: Any, function: Any) -> dict[str, Any]:
    """Transforms of functions of a vector that give a number, by name, each to such a function again."""
    c = cv.tensor(WEIGHTS)
    return {
        "grad": lambda x: (cv.grad(function)(x) * c).sum(),
        "jvp": lambda x: cv.jvp(function, (x,), (c,))[1],
        "vjp": lambda x: (cv.vjp(function, x)[1](cv.tensor(np.array(2.0)))[0] * c).sum(),
        "linearize": lambda x: cv.linearize(function, x)[1](c),
        "hvp": lambda x: (cv.func.hvp(function)(x, c) * c).sum(),
        "jacfwd": lambda x: (cv.jacfwd(lambda y: function(y) * y)(x) * c).sum(),
        "jacrev": lambda x: (cv.jacrev(lambda y: function(y) * y)(x) * c).sum(),
        "vmap": lambda x: (cv.vmap(function)(cv.outer(c, x)) * c).sum(),
        "vmap last": lambda x: (cv.vmap(lambda s, y: function(s * y), (0, None))(c, x) * c).sum(),
        "jacobian": lambda x: (cv.func.jacobian(lambda y: function(y) * y)(x) * c).sum(),
        "hessian": lambda x: (cv.func.hessian(function)(x) @ c * c).sum(),
        "gauss newton": lambda x: (
            cv.func.gauss_newton_product(lambda y: function(y) * y, lambda z: (z**3).sum())(x, c) * c
        ).sum(),
        "fisher": lambda x: (cv.func.fisher_product(lambda y: function(y) * y)(x, c) * c).sum(),
        "per sample": lambda x: (
            cv.func.per_sample_grad(lambda y, s: function(s * y))(x, c) * cv.tensor(WEIGHTS[:, None])
        ).sum(),
        "cond": lambda x: cv.cond(x.sum() > 0, function, lambda y: function(y) * 2, x),
        "while": lambda x: cv.while_loop(
            lambda state: state[0] < 2, lambda state: (state[0] + 1, function(x * state[1])), (0, x[0]), max_steps=3
        )[1],
        "checkpoint": cv.checkpoint(function),
        "jit": cv.jit(function),
        "scan": lambda x: cv.scan(lambda total, s: (total + function(x * s), None), cv.tensor(np.array(0.0)), c)[0],
    }


def _theirs(function: Any) -> dict[str, Any]:
    """The same by PyTorch's differentiation and loops."""
    c, f = torch.tensor(WEIGHTS), torch.func
    looped = lambda x: sum(function(s * x) * s for s in c)  # noqa: E731
    return {
        "grad": lambda x: (f.grad(function)(x) * c).sum(),
        "jvp": lambda x: f.jvp(function, (x,), (c,))[1],
        "vjp": lambda x: (2 * f.grad(function)(x) * c).sum(),
        "linearize": lambda x: f.jvp(function, (x,), (c,))[1],
        "hvp": lambda x: (f.jvp(f.grad(function), (x,), (c,))[1] * c).sum(),
        "jacfwd": lambda x: (f.jacfwd(lambda y: function(y) * y)(x) * c).sum(),
        "jacrev": lambda x: (f.jacfwd(lambda y: function(y) * y)(x) * c).sum(),
        "vmap": looped,
        "vmap last": looped,
        "jacobian": lambda x: (f.jacfwd(lambda y: function(y) * y)(x) * c).sum(),
        "hessian": lambda x: (f.jvp(f.grad(function), (x,), (c,))[1] * c).sum(),
        "gauss newton": lambda x: (6 * function(x) * x * f.jvp(lambda y: function(y) * y, (x,), (c,))[1] ** 2).sum(),
        "fisher": lambda x: (f.jvp(lambda y: function(y) * y, (x,), (c,))[1] ** 2).sum(),
        "per sample": lambda x: sum(f.grad(lambda y, s=s: function(s * y))(x).sum() * s for s in c),
        "cond": lambda x: torch.where(x.sum() > 0, 1, 2) * function(x),
        "while": lambda x: function(x * function(x * x[0])),
        "checkpoint": function,
        "jit": function,
        "scan": lambda x: sum(function(x * s) for s in c),
    }


def _base(space: Any) -> Any:
    return lambda x: space.tanh(x[0] * x[1]) + (space.softmax(x, dim=0) * space.sin(x)).sum() * x[2]


@pytest.mark.parametrize("seed", range(60))
def test_random_compositions(seed: int) -> None:
    generator = np.random.default_rng(seed)
    names = list(_theirs(_base(torch)))
    chosen = [names[at] for at in generator.integers(0, len(names), 3)]
    one, two = _base(cv), _base(torch)
    for name in chosen:
        one, two = _ours(cv, one)[name], _theirs(two)[name]
    x = generator.standard_normal(VECTOR)
    agree(one(cv.tensor(x)), two(torch.tensor(x)), 1e-9)
    assert not one(cv.tensor(x)).requires_grad
    agree(cv.jit(one)(cv.tensor(x)), two(torch.tensor(x)), 1e-9)

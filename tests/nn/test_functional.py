"""Activations, losses and the other functions against PyTorch's, in float64: values and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import covector as cv  # noqa: E402 (after the skip)
from covector import nn  # noqa: E402
from covector.errors import BoundsError, CovectorError, ShapeError  # noqa: E402
from tests.nn.peers import assert_close, drawn, leaf  # noqa: E402

F = nn.functional
T = torch.nn.functional

# Zero, both kinks of hardtanh and relu6, large values, infinities and NaN.
POINTS = np.array([-np.inf, -800.0, -25.0, -3.0, -1.0, -0.3, 0.0, 0.2, 1.0, 3.0, 6.0, 25.0, 800.0, np.inf, np.nan])

ACTIVATIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "ReLU": (lambda nn: nn.ReLU(), lambda f: f.relu),
    "ReLU6": (lambda nn: nn.ReLU6(), lambda f: f.relu6),
    "LeakyReLU": (lambda nn: nn.LeakyReLU(0.2), lambda f: lambda x: f.leaky_relu(x, 0.2)),
    "ELU": (lambda nn: nn.ELU(1.5), lambda f: lambda x: f.elu(x, 1.5)),
    "CELU": (lambda nn: nn.CELU(1.5), lambda f: lambda x: f.celu(x, 1.5)),
    "SELU": (lambda nn: nn.SELU(), lambda f: f.selu),
    "GELU": (lambda nn: nn.GELU(), lambda f: f.gelu),
    "GELU tanh": (lambda nn: nn.GELU("tanh"), lambda f: lambda x: f.gelu(x, approximate="tanh")),
    "SiLU": (lambda nn: nn.SiLU(), lambda f: f.silu),
    "Mish": (lambda nn: nn.Mish(), lambda f: f.mish),
    "Sigmoid": (lambda nn: nn.Sigmoid(), lambda f: f.sigmoid),
    "LogSigmoid": (lambda nn: nn.LogSigmoid(), lambda f: f.logsigmoid),
    "Hardsigmoid": (lambda nn: nn.Hardsigmoid(), lambda f: f.hardsigmoid),
    "Hardswish": (lambda nn: nn.Hardswish(), lambda f: f.hardswish),
    "Tanh": (lambda nn: nn.Tanh(), lambda f: f.tanh),
    "Tanhshrink": (lambda nn: nn.Tanhshrink(), lambda f: f.tanhshrink),
    "Softsign": (lambda nn: nn.Softsign(), lambda f: f.softsign),
    "Softplus": (lambda nn: nn.Softplus(2.0, 15.0), lambda f: lambda x: f.softplus(x, 2.0, 15.0)),
    "Hardtanh": (lambda nn: nn.Hardtanh(-1.0, 3.0), lambda f: lambda x: f.hardtanh(x, -1.0, 3.0)),
    "Threshold": (lambda nn: nn.Threshold(0.2, 7.0), lambda f: lambda x: f.threshold(x, 0.2, 7.0)),
}
# Where PyTorch's own value or gradient is not the limit: NaN of infinity over infinity.
FINITE_ONLY = {"Softsign", "Tanhshrink", "GELU", "GELU tanh", "SiLU", "Mish", "Hardswish"}
# A multiple of infinity or NaN that PyTorch drops in the gradient.
FINITE_GRADIENT = {"ELU", "CELU", "SELU"}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name: str) -> None:
    module, function = ACTIVATIONS[name]
    points = POINTS[np.isfinite(POINTS)] if name in FINITE_ONLY | FINITE_GRADIENT else POINTS
    x, y = leaf(points)
    found, expected = module(nn)(x), module(torch.nn)(y)
    assert_close(found, expected)
    assert_close(function(F)(x), function(T)(y))
    assert repr(module(nn)) == repr(module(torch.nn)) or name == "Threshold"
    found.sum().backward()
    expected.sum().backward()
    finite = np.isfinite(points)
    tolerance = 1e-7 if name == "Hardsigmoid" else 1e-10  # PyTorch's 1/6 is one of float32 there
    np.testing.assert_allclose(x.grad.numpy()[finite], y.grad.numpy()[finite], rtol=tolerance, atol=1e-14)


@pytest.mark.parametrize("name", ["ReLU", "LeakyReLU", "ReLU6", "Hardtanh", "Sigmoid", "Tanh", "GELU", "SiLU", "ELU"])
def test_nan_goes_through(name: str) -> None:
    module, _ = ACTIVATIONS[name]
    assert np.isnan(module(nn)(cv.tensor([np.nan])).item())


@pytest.mark.parametrize("name", ["Softmax", "Softmin", "LogSoftmax", "GLU"])
@pytest.mark.parametrize("dim", [0, 1, -1])
def test_activations_along_an_axis(name: str, dim: int) -> None:
    x, y = leaf(drawn(4, 6))
    found, expected = getattr(nn, name)(dim)(x), getattr(torch.nn, name)(dim)(y)
    assert_close(found, expected)
    weights = drawn(*expected.shape, seed=1)
    (found * cv.tensor(weights)).sum().backward()
    (expected * torch.tensor(weights)).sum().backward()
    assert_close(x.grad, y.grad)


def test_prelu_of_channels() -> None:
    x, y = leaf(drawn(2, 3, 4))
    (w, v) = leaf(np.array([0.1, 0.2, 0.3]))
    F.prelu(x, w).sum().backward()
    T.prelu(y, v).sum().backward()
    assert_close(x.grad, y.grad)
    assert_close(w.grad, v.grad)


CLASSES = np.array([2, 0, -100, 1, 2])
SMALL = np.abs(drawn(4, 3, seed=3)) % 1
REDUCTIONS = ("mean", "sum", "none")
LOSSES: dict[str, tuple[str, dict[str, Any], np.ndarray, np.ndarray]] = {
    "mse": ("MSELoss", {}, drawn(4, 3), drawn(4, 3, seed=1)),
    "mse of one": ("MSELoss", {}, drawn(), drawn(seed=1)),
    "l1": ("L1Loss", {}, drawn(4, 3), drawn(4, 3, seed=1)),
    "smooth l1": ("SmoothL1Loss", {"beta": 0.7}, drawn(4, 3), drawn(4, 3, seed=1)),
    "smooth l1 without beta": ("SmoothL1Loss", {"beta": 0.0}, drawn(4, 3), drawn(4, 3, seed=1)),
    "huber": ("HuberLoss", {"delta": 0.7}, drawn(4, 3), drawn(4, 3, seed=1)),
    "cross entropy": ("CrossEntropyLoss", {}, 50 * drawn(5, 3), CLASSES % 3),
    "cross entropy ignoring": ("CrossEntropyLoss", {}, drawn(5, 3), CLASSES),
    "cross entropy ignoring one": ("CrossEntropyLoss", {"ignore_index": 2}, drawn(4, 3), CLASSES[[0, 1, 3, 4]]),
    "cross entropy weighted": ("CrossEntropyLoss", {"weight": np.array([1.0, 2.0, 0.5])}, drawn(5, 3), CLASSES),
    "cross entropy smoothed": ("CrossEntropyLoss", {"label_smoothing": 0.1}, drawn(5, 3), CLASSES),
    "cross entropy with all": (
        "CrossEntropyLoss",
        {"weight": np.array([1.0, 2.0, 0.5]), "label_smoothing": 0.2, "ignore_index": 1},
        *(drawn(5, 3), CLASSES % 3),
    ),
    "cross entropy of one": ("CrossEntropyLoss", {"label_smoothing": 0.1}, drawn(3), np.array(2)),
    "cross entropy of images": (
        "CrossEntropyLoss",
        {},
        drawn(2, 3, 2, 2),
        np.array([[[0, 1], [2, 1]], [[0, 0], [1, -100]]]),
    ),
    "cross entropy of probabilities": ("CrossEntropyLoss", {}, drawn(4, 3), SMALL),
    "cross entropy of all": (
        "CrossEntropyLoss",
        {"weight": np.array([1.0, 2.0, 0.5]), "label_smoothing": 0.2},
        *(drawn(2, 3, 2), np.abs(drawn(2, 3, 2, seed=4))),
    ),
    "nll": ("NLLLoss", {"weight": np.array([1.0, 2.0, 0.5])}, drawn(5, 3), CLASSES),
    "nll of signals": ("NLLLoss", {}, drawn(2, 3, 4), np.array([[0, 1, 2, 1], [0, 0, 1, 2]])),
    "bce": ("BCELoss", {}, SMALL, (SMALL > 0.4).astype(float)),
    "bce weighted": ("BCELoss", {"weight": np.array([1.0, 2.0, 0.5])}, SMALL, SMALL[::-1].copy()),
    "bce with logits": ("BCEWithLogitsLoss", {}, 100 * drawn(4, 3), SMALL),
    "bce with logits weighted": (
        "BCEWithLogitsLoss",
        {"weight": np.array([1.0, 2.0, 0.5]), "pos_weight": np.array([3.0, 0.1, 1.0])},
        *(drawn(4, 3), SMALL),
    ),
    "kl": ("KLDivLoss", {}, np.log(SMALL + 0.1), np.where(SMALL > 0.3, SMALL, 0)),
    "kl of logarithms": ("KLDivLoss", {"log_target": True}, np.log(SMALL + 0.1), np.log(SMALL[::-1] + 0.2)),
}


def settings_for(settings: dict[str, Any], make: Callable[[Any], Any]) -> dict[str, Any]:
    return {name: make(value) if isinstance(value, np.ndarray) else value for name, value in settings.items()}


@pytest.mark.filterwarnings("ignore:reduction:UserWarning")
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", LOSSES)
def test_losses(case: str, reduction: str) -> None:
    name, settings, input, target = LOSSES[case]
    ours = getattr(nn, name)(reduction=reduction, **settings_for(settings, cv.tensor))
    theirs = getattr(torch.nn, name)(reduction=reduction, **settings_for(settings, torch.tensor))
    x, y = leaf(input)
    goal, other = leaf(target)
    wants = target.dtype.kind == "f" and case not in ("bce", "bce weighted", "kl")
    goal.requires_grad_(wants), other.requires_grad_(wants)
    found, expected = ours(x, goal), theirs(y, other)
    assert_close(found, expected)
    found.sum().backward()
    expected.sum().backward()
    assert_close(x.grad, y.grad)
    if wants:
        assert_close(goal.grad, other.grad)


def test_binary_cross_entropy_at_the_ends() -> None:
    x, y = leaf(np.array([0.0, 1.0, 0.0, 1.0]))
    goal = np.array([1.0, 1.0, 0.0, 0.0])
    found = F.binary_cross_entropy(x, cv.tensor(goal), reduction="none")
    assert_close(found, T.binary_cross_entropy(y, torch.tensor(goal), reduction="none"))
    found.sum().backward()
    assert x.grad.tolist() == [0.0, -1.0, 1.0, 0.0]


def test_kl_divergence_over_the_batch() -> None:
    logs, goal = np.log(SMALL + 0.1), SMALL
    found = F.kl_div(cv.tensor(logs), cv.tensor(goal), reduction="batchmean")
    assert_close(found, T.kl_div(torch.tensor(logs), torch.tensor(goal), reduction="batchmean"))


ATTENTION: dict[str, tuple[tuple[tuple[int, ...], ...], dict[str, Any]]] = {
    "plain": (((2, 4, 8), (2, 5, 8), (2, 5, 3)), {}),
    "causal": (((2, 2, 4, 8), (2, 2, 4, 8), (2, 2, 4, 8)), {"is_causal": True}),
    "causal and longer": (((4, 8), (6, 8), (6, 8)), {"is_causal": True}),
    "masked": (((4, 8), (5, 8), (5, 8)), {"attn_mask": np.tril(np.ones((4, 5), dtype=bool))}),
    "added": (((2, 4, 8), (2, 5, 8), (2, 5, 8)), {"attn_mask": drawn(4, 5), "scale": 0.3}),
}


@pytest.mark.parametrize("case", ATTENTION)
def test_scaled_dot_product_attention(case: str) -> None:
    shapes, settings = ATTENTION[case]
    inputs = [leaf(drawn(*shape, seed=seed)) for seed, shape in enumerate(shapes)]
    found = F.scaled_dot_product_attention(*[x for x, _ in inputs], **settings_for(settings, cv.tensor))
    expected = T.scaled_dot_product_attention(*[y for _, y in inputs], **settings_for(settings, torch.tensor))
    assert_close(found, expected)
    found.sum().backward()
    expected.sum().backward()
    for x, y in inputs:
        assert_close(x.grad, y.grad)


def test_normalize_and_similarity() -> None:
    x, y = leaf(np.vstack([drawn(3, 4), np.zeros((1, 4))]))
    for p in (2.0, 3.0):
        assert_close(F.normalize(x[:3], p=p), T.normalize(y[:3], p=p))
    assert_close(F.normalize(x), T.normalize(y))
    other, another = leaf(drawn(3, 4, seed=2))
    assert_close(F.cosine_similarity(x[:3], other), T.cosine_similarity(y[:3], another))


def test_one_hot() -> None:
    found = F.one_hot(cv.tensor([2, 0]), 3)
    assert (found.dtype, found.tolist()) == ("int64", [[0, 0, 1], [1, 0, 0]])


def test_dropout_drops_a_share_and_keeps_the_mean() -> None:
    cv.random.manual_seed(0)
    x = cv.ones(200, 200, requires_grad=True)
    y = F.dropout(x, 0.3)
    y.sum().backward()
    values = y.numpy()
    assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((values == 0).mean() - 0.3) < 0.01
    np.testing.assert_array_equal(x.grad.numpy(), values)
    assert F.dropout(x, 0.3, training=False) is x
    assert F.dropout(x, 1.0).numpy().max() == 0


def test_dropout_under_jit_draws_anew_and_only_in_training() -> None:
    model = nn.Sequential(nn.Dropout(0.5))
    step = cv.jit(lambda x: model(x))  # noqa: PLW0108 - the model is read when the function is traced
    x = cv.ones(64)
    first, second = step(x).numpy().copy(), step(x).numpy()
    assert (first != second).any()
    model.eval()
    assert step(x).numpy().min() == 1


MISTAKES: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "broadcasting loss": (
        lambda: F.mse_loss(cv.ones(4, 1), cv.ones(4)),
        ShapeError,
        r"\(4, 1\), and the target \(4,\)",
    ),
    "reduction": (lambda: F.l1_loss(cv.ones(2), cv.ones(2), "average"), CovectorError, "no reduction 'average'"),
    "classes": (
        lambda: F.cross_entropy(cv.ones(4, 3), cv.tensor([0, 1])),
        ShapeError,
        r"classes, integers of the shape \(4,\)",
    ),
    "class out of range": (lambda: F.cross_entropy(cv.ones(1, 3), cv.tensor([3])).item(), BoundsError, "3"),
    "smoothing": (lambda: F.cross_entropy(cv.ones(1, 3), cv.tensor([1]), label_smoothing=2.0), CovectorError, "2.0"),
    "channels": (lambda: F.conv2d(cv.ones(1, 2, 5, 5), cv.ones(4, 3, 3, 3)), ShapeError, "2 channels.*takes 3"),
    "rank": (lambda: F.conv2d(cv.ones(5, 5), cv.ones(4, 3, 3, 3)), ShapeError, r"\(N, C, H, W\)"),
    "window": (lambda: F.conv1d(cv.ones(1, 1, 2), cv.ones(1, 1, 3)), ShapeError, r"\(3,\) does not fit .* \(2,\)"),
    "pool": (lambda: F.max_pool2d(cv.ones(1, 1, 2, 2), 3), ShapeError, "does not fit"),
    "pool padding": (lambda: F.max_pool2d(cv.ones(1, 1, 4, 4), 2, padding=2), CovectorError, "more than half"),
    "same with a stride": (
        lambda: F.conv1d(cv.ones(1, 1, 5), cv.ones(1, 1, 3), stride=2, padding="same"),
        CovectorError,
        "needs stride 1",
    ),
    "stride": (
        lambda: F.conv2d(cv.ones(1, 1, 5, 5), cv.ones(1, 1, 3, 3), stride=(1, 2, 3)),
        CovectorError,
        "stride is",
    ),
    "probability": (lambda: F.dropout(cv.ones(2), 1.5), CovectorError, "1.5"),
    "normalised axes": (lambda: F.layer_norm(cv.ones(2, 3), (2,)), ShapeError, r"\(2,\) of an input of shape \(2, 3\)"),
    "groups": (lambda: F.group_norm(cv.ones(2, 3), 2), ShapeError, "2 groups"),
    "one value": (lambda: F.batch_norm(cv.ones(1, 3), None, None, training=True), ShapeError, "one value"),
    "no statistics": (lambda: F.batch_norm(cv.ones(2, 3), None, None), CovectorError, "running statistics"),
    "mask and causal": (
        lambda: F.scaled_dot_product_attention(*[cv.ones(2, 2)] * 3, attn_mask=cv.ones(2, 2), is_causal=True),
        CovectorError,
        "into the mask",
    ),
    "odd glu": (lambda: F.glu(cv.ones(2, 3)), ShapeError, "extent is 3"),
    "gelu": (lambda: F.gelu(cv.ones(2), approximate="fast"), CovectorError, "'none', 'tanh'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    act, error, text = MISTAKES[case]
    with pytest.raises(error, match=text):
        act()

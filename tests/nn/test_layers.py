"""Every layer against PyTorch's, in float64: values, gradients of inputs and of parameters, and the repr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import covector as cv  # noqa: E402 (after the skip)
from covector import nn  # noqa: E402
from tests.nn.peers import arrays, assert_close, drawn, leaf, pair  # noqa: E402

X = drawn(4, 6)
IMAGES = drawn(2, 4, 7, 6, seed=1)
SIGNALS = drawn(2, 4, 9, seed=2)
TOKENS = np.array([[1, 4, 0], [2, 2, 3]])
SEQUENCE = drawn(3, 5, 8, seed=3)

CASES: dict[str, tuple[Callable[[Any], Any], tuple[np.ndarray, ...]]] = {
    "Linear": (lambda nn: nn.Linear(6, 3), (X,)),
    "Linear without bias": (lambda nn: nn.Linear(6, 3, bias=False), (X,)),
    "Linear of three axes": (lambda nn: nn.Linear(8, 2), (SEQUENCE,)),
    "Linear of one axis": (lambda nn: nn.Linear(6, 3), (X[0],)),
    "Bilinear": (lambda nn: nn.Bilinear(6, 2, 3), (X, drawn(4, 2, seed=9))),
    "Bilinear without bias": (lambda nn: nn.Bilinear(6, 2, 3, bias=False), (X, drawn(4, 2, seed=9))),
    "Identity": (lambda nn: nn.Identity(), (X,)),
    "Embedding": (lambda nn: nn.Embedding(5, 3), (TOKENS,)),
    "Embedding with padding": (lambda nn: nn.Embedding(5, 3, padding_idx=-3), (TOKENS,)),
    "Flatten": (lambda nn: nn.Flatten(), (IMAGES,)),
    "Flatten in the middle": (lambda nn: nn.Flatten(1, 2), (IMAGES,)),
    "Unflatten": (lambda nn: nn.Unflatten(1, (2, 3)), (X,)),
    "LayerNorm": (lambda nn: nn.LayerNorm(6), (X,)),
    "LayerNorm of two axes": (lambda nn: nn.LayerNorm((7, 6), eps=1e-3), (IMAGES,)),
    "LayerNorm without affine": (lambda nn: nn.LayerNorm(6, elementwise_affine=False), (X,)),
    "LayerNorm without bias": (lambda nn: nn.LayerNorm(6, bias=False), (X,)),
    "RMSNorm": (lambda nn: nn.RMSNorm(6), (X,)),
    "RMSNorm of two axes": (lambda nn: nn.RMSNorm((5, 8), eps=1e-3), (SEQUENCE,)),
    "RMSNorm without affine": (lambda nn: nn.RMSNorm(6, elementwise_affine=False), (X,)),
    "BatchNorm1d": (lambda nn: nn.BatchNorm1d(6), (X,)),
    "BatchNorm1d of signals": (lambda nn: nn.BatchNorm1d(4, eps=1e-3, momentum=0.3), (SIGNALS,)),
    "BatchNorm1d without affine": (lambda nn: nn.BatchNorm1d(6, affine=False), (X,)),
    "BatchNorm1d of all batches": (lambda nn: nn.BatchNorm1d(6, momentum=None), (X,)),
    "BatchNorm1d without tracking": (lambda nn: nn.BatchNorm1d(6, track_running_stats=False), (X,)),
    "BatchNorm2d": (lambda nn: nn.BatchNorm2d(4), (IMAGES,)),
    "GroupNorm": (lambda nn: nn.GroupNorm(2, 4), (IMAGES,)),
    "GroupNorm of signals": (lambda nn: nn.GroupNorm(4, 4, eps=1e-3), (SIGNALS,)),
    "GroupNorm without affine": (lambda nn: nn.GroupNorm(1, 6, affine=False), (X,)),
    "Conv1d": (lambda nn: nn.Conv1d(4, 3, 2), (SIGNALS,)),
    "Conv1d with everything": (lambda nn: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2), (SIGNALS,)),
    "Conv1d same": (lambda nn: nn.Conv1d(4, 3, 4, padding="same", bias=False), (SIGNALS,)),
    "Conv1d of one signal": (lambda nn: nn.Conv1d(4, 3, 2), (SIGNALS[0],)),
    "Conv2d": (lambda nn: nn.Conv2d(4, 3, 3), (IMAGES,)),
    "Conv2d with everything": (lambda nn: nn.Conv2d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), (IMAGES,)),
    "Conv2d of rectangles": (lambda nn: nn.Conv2d(4, 3, (2, 3), (2, 1), (0, 2), (1, 2)), (IMAGES,)),
    "Conv2d same": (lambda nn: nn.Conv2d(4, 3, (3, 2), padding="same"), (IMAGES,)),
    "Conv2d valid": (lambda nn: nn.Conv2d(4, 3, 3, padding="valid", bias=False), (IMAGES,)),
    "Conv2d of one image": (lambda nn: nn.Conv2d(4, 3, 3), (IMAGES[0],)),
    "MaxPool2d": (lambda nn: nn.MaxPool2d(2), (IMAGES,)),
    "MaxPool2d with everything": (lambda nn: nn.MaxPool2d((3, 2), (1, 2), (1, 0), (2, 1)), (IMAGES,)),
    "MaxPool2d dilated": (lambda nn: nn.MaxPool2d(2, stride=1, padding=1, dilation=2), (IMAGES[0],)),
    "AvgPool2d": (lambda nn: nn.AvgPool2d(2), (IMAGES,)),
    "AvgPool2d padded": (lambda nn: nn.AvgPool2d(3, stride=2, padding=1), (IMAGES,)),
    "AvgPool2d of what is there": (lambda nn: nn.AvgPool2d((3, 2), padding=1, count_include_pad=False), (IMAGES,)),
    "RNNCell": (lambda nn: nn.RNNCell(6, 3), (X, drawn(4, 3, seed=4))),
    "RNNCell relu": (lambda nn: nn.RNNCell(6, 3, nonlinearity="relu", bias=False), (X,)),
    "GRUCell": (lambda nn: nn.GRUCell(6, 3), (X, drawn(4, 3, seed=4))),
    "GRUCell from zeros": (lambda nn: nn.GRUCell(6, 3, bias=False), (X[0],)),
    "LSTMCell from zeros": (lambda nn: nn.LSTMCell(6, 3), (X,)),
}
each_case = pytest.mark.parametrize("case", CASES)


def run(module: Any, inputs: list[Any], seed: Any) -> list[Any]:
    """The outputs of a module, after a backward pass from their sum with weights."""
    found = module(*inputs)
    outputs = [output for output in (found if isinstance(found, tuple) else (found,)) if output is not None]
    total = sum((output * seed(output)).sum() for output in outputs)
    if total.requires_grad:
        total.backward()
    return outputs


def our_seed(output: cv.Tensor) -> cv.Tensor:
    return cv.tensor(drawn(*output.shape, seed=7))


def their_seed(output: torch.Tensor) -> torch.Tensor:
    return torch.tensor(drawn(*output.shape, seed=7))


def compare(ours: nn.Module, theirs: torch.nn.Module, inputs: list[tuple[Any, Any]], tolerance: float = 1e-10) -> None:
    """Values, gradients and buffers of both modules are equal."""
    found = run(ours, [mine for mine, _ in inputs], our_seed)
    expected = run(theirs, [other for _, other in inputs], their_seed)
    for mine, other in zip(found, expected, strict=True):
        assert_close(mine, other, tolerance)
    for mine, other in inputs:
        if getattr(other, "grad", None) is not None:
            assert_close(mine.grad, other.grad, tolerance)
    gradients = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_close(parameter.grad, gradients[name].grad, tolerance)
    buffers = dict(theirs.named_buffers())
    assert buffers.keys() == dict(ours.named_buffers()).keys()
    for name, buffer in ours.named_buffers():
        assert_close(buffer, buffers[name], tolerance)


@pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning")
@each_case
def test_values_and_gradients_are_pytorchs(case: str) -> None:
    build, given = CASES[case]
    ours, theirs = pair(build)
    compare(ours, theirs, [leaf(array) for array in given])


@each_case
def test_the_repr_is_pytorchs(case: str) -> None:
    build, _ = CASES[case]
    ours, theirs = pair(build)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("case", [case for case in CASES if "BatchNorm" in case])
def test_batch_norm_after_two_batches_and_in_evaluation(case: str) -> None:
    build, (x,) = CASES[case]
    ours, theirs = pair(build)
    for seed in (5, 6):
        other = drawn(*x.shape, seed=seed)
        ours(cv.tensor(other))
        theirs(torch.tensor(other))
    ours.eval()
    theirs.eval()
    compare(ours, theirs, [leaf(x)])


def test_lstm_cell_from_a_state() -> None:
    ours, theirs = pair(lambda nn: nn.LSTMCell(6, 3))
    states = [leaf(drawn(4, 3, seed=seed)) for seed in (4, 5)]
    x, other = leaf(X)
    found = ours(x, (states[0][0], states[1][0]))
    expected = theirs(other, (states[0][1], states[1][1]))
    for mine, their in zip(found, expected, strict=True):
        assert_close(mine, their)


ATTENTION: dict[str, tuple[dict[str, Any], dict[str, Any], tuple[tuple[int, ...], ...]]] = {
    "self": ({}, {}, ((5, 3, 8),)),
    "batch first": ({"batch_first": True}, {}, ((3, 5, 8),)),
    "no batch": ({}, {}, ((5, 8),)),
    "no bias": ({"bias": False, "batch_first": True}, {"need_weights": False}, ((3, 5, 8),)),
    "weights of each head": ({"batch_first": True}, {"average_attn_weights": False}, ((3, 5, 8),)),
    "cross": ({"batch_first": True}, {}, ((3, 5, 8), (3, 4, 8), (3, 4, 8))),
    "other widths": ({"batch_first": True, "kdim": 6, "vdim": 7}, {}, ((3, 5, 8), (3, 4, 6), (3, 4, 7))),
    "cross without weights": ({}, {"need_weights": False}, ((5, 3, 8), (4, 3, 8), (4, 3, 8))),
}


@pytest.mark.parametrize("case", ATTENTION)
def test_multihead_attention(case: str) -> None:
    settings, keywords, shapes = ATTENTION[case]
    ours, theirs = pair(lambda nn: nn.MultiheadAttention(8, 2, **settings))
    inputs = [leaf(drawn(*shape, seed=seed)) for seed, shape in enumerate(shapes)]
    inputs = inputs * 3 if len(inputs) == 1 else inputs
    found = ours(*[mine for mine, _ in inputs], **keywords)
    expected = theirs(*[other for _, other in inputs], **keywords)
    assert (found[1] is None) == (expected[1] is None)
    for mine, other in zip(found, expected, strict=True):
        if mine is not None:
            assert_close(mine, other)
    (found[0] * our_seed(found[0])).sum().backward()
    (expected[0] * their_seed(expected[0])).sum().backward()
    for (mine, other), (name, parameter) in zip(inputs, ours.named_parameters(), strict=False):
        assert_close(mine.grad, other.grad)
        assert_close(parameter.grad, dict(theirs.named_parameters())[name].grad)


HIDDEN = np.triu(np.ones((5, 5), dtype=bool), 1)
MASKS: dict[str, dict[str, Any]] = {
    "bools": {"attn_mask": HIDDEN},
    "causal": {"attn_mask": HIDDEN, "is_causal": True},
    "floats": {"attn_mask": drawn(5, 5, seed=8)},
    "padding": {"key_padding_mask": np.array([[0, 0, 0, 0, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]], dtype=bool)},
    "each head": {"attn_mask": drawn(6, 5, 5, seed=8)},
}


@pytest.mark.parametrize("needs_weights", [True, False])
@pytest.mark.parametrize("mask", MASKS)
def test_multihead_attention_with_masks(mask: str, needs_weights: bool) -> None:
    ours, theirs = pair(lambda nn: nn.MultiheadAttention(8, 2, batch_first=True))
    given = MASKS[mask]
    mine = {name: cv.tensor(value) if isinstance(value, np.ndarray) else value for name, value in given.items()}
    other = {name: torch.tensor(value) if isinstance(value, np.ndarray) else value for name, value in given.items()}
    x, y = leaf(SEQUENCE)
    assert_close(ours(x, x, x, need_weights=needs_weights, **mine)[0], theirs(y, y, y, **other)[0])


def test_is_causal_alone_hides_what_comes_later() -> None:
    ours, _ = pair(lambda nn: nn.MultiheadAttention(8, 2, batch_first=True))
    x = cv.tensor(SEQUENCE)
    causal = ours(x, x, x, is_causal=True)[0]
    np.testing.assert_allclose(causal.numpy(), ours(x, x, x, attn_mask=cv.tensor(HIDDEN))[0].numpy(), rtol=1e-12)


def test_a_forward_and_a_gradient_in_float32_are_as_close_to_float64_as_pytorchs() -> None:
    ours, theirs = pair(lambda nn: nn.Sequential(nn.Linear(6, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 3)))
    x = leaf(X)
    run(ours, [x[0]], our_seed)
    exact = arrays({name: torch.tensor(p.grad.numpy()) for name, p in ours.named_parameters()})
    ours.float()
    theirs.float()
    ours.zero_grad()
    run(ours, [cv.tensor(X.astype(np.float32))], lambda output: our_seed(output).float())
    run(theirs, [torch.tensor(X.astype(np.float32))], lambda output: their_seed(output).float())
    for name, parameter in theirs.named_parameters():
        size = np.abs(exact[name]).max()
        mine = np.abs(dict(ours.named_parameters())[name].grad.numpy() - exact[name]).max() / size
        other = np.abs(parameter.grad.numpy() - exact[name]).max() / size
        assert mine <= 2 * other + 5e-7

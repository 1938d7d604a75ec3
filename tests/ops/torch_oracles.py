"""The operations as PyTorch has them, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel


def _dropout(x: Tensor, mask: Tensor, p: float = 0.5) -> Tensor:
    return x * mask / (1 - p)


def _attention(Q: Tensor, K: Tensor, V: Tensor, causal: bool = False) -> Tensor:
    with sdpa_kernel(SDPBackend.MATH):  # the one that can be differentiated twice
        return F.scaled_dot_product_attention(Q, K, V, is_causal=causal)


def _layer_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weight, bias, eps)


def _rms_norm(x: Tensor, weight: Tensor | None = None, eps: float = 1e-6) -> Tensor:
    return F.rms_norm(x, x.shape[-1:], weight, eps)


def _batch_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)


def _group_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, groups: int = 1, eps: float = 1e-5
) -> Tensor:
    return F.group_norm(x, groups, weight, bias, eps)


def _avg_pool2d(image: Tensor, size: int = 2, stride: int = 2, padding: int = 0) -> Tensor:
    return F.avg_pool2d(image, size, stride, padding)


def _max_pool2d(image: Tensor, size: int = 2, stride: int = 2, padding: int = 0) -> Tensor:
    return F.max_pool2d(image, size, stride, padding)


def _conv2d_by_axis(*arrays: Tensor, groups: int = 1, **given: int) -> Tensor:
    return F.conv2d(*arrays, groups=groups, **_pairs(given, stride=1, padding=0, dilation=1))


def _avg_pool2d_by_axis(image: Tensor, **given: int) -> Tensor:
    pairs = _pairs(given, size=2, stride=2, padding=0)
    return F.avg_pool2d(image, pairs["size"], pairs["stride"], pairs["padding"])


def _max_pool2d_by_axis(image: Tensor, **given: int) -> Tensor:
    pairs = _pairs(given, size=2, stride=2, padding=0, dilation=1)
    return F.max_pool2d(image, pairs["size"], pairs["stride"], pairs["padding"], pairs["dilation"])


def _pairs(given: Mapping[str, int], **defaults: int) -> dict[str, Any]:
    """Parameters that are given for height and width, as PyTorch takes them: pairs."""
    return {name: tuple(given.get(f"{name}_{axis}", value) for axis in "yx") for name, value in defaults.items()}


def _lstm_cell(
    input: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor,
    bias_hh: Tensor,
) -> Tensor:
    return torch.lstm_cell(input, [h, c], weight_ih, weight_hh, bias_ih, bias_hh)[0]


def _logistic_regression_loss(input: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None = None) -> Tensor:
    z = input @ weight
    return F.binary_cross_entropy_with_logits(z if bias is None else z + bias, target)


OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "div": torch.div,
    "dropout": _dropout,
    "linear": F.linear,
    "bilinear": F.bilinear,
    "cosine_similarity": lambda a, b: F.cosine_similarity(a, b, dim=-1),
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "silu": F.silu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "log_sigmoid": F.logsigmoid,
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "cross_entropy": F.cross_entropy,
    "cross_entropy_probabilities": F.cross_entropy,
    "nll": F.nll_loss,
    "binary_cross_entropy_with_logits": F.binary_cross_entropy_with_logits,
    "kl_divergence": lambda logq, p: F.kl_div(logq, p, reduction="batchmean"),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "attention": _attention,
    "causal_attention": lambda Q, K, V: _attention(Q, K, V, causal=True),
    "embedding": F.embedding,
    "conv1d": F.conv1d,
    "conv2d": F.conv2d,
    "conv2d_rectangular": _conv2d_by_axis,
    "conv_transpose1d": F.conv_transpose1d,
    "conv_transpose2d": F.conv_transpose2d,
    "avg_pool2d": _avg_pool2d,
    "max_pool2d": _max_pool2d,
    "avg_pool2d_rectangular": _avg_pool2d_by_axis,
    "max_pool2d_rectangular": _max_pool2d_by_axis,
    "logistic_regression_loss": _logistic_regression_loss,
    "rnn_cell": torch.rnn_tanh_cell,
    "lstm_cell": _lstm_cell,
    "gru_cell": torch.gru_cell,
}

SCALARS: dict[str, Callable[..., Tensor]] = {
    "add": torch.add,
    "mul": torch.mul,
    "sub": torch.sub,
    "neg": torch.neg,
    "div": torch.div,
    "pow": torch.pow,
    "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "log": torch.log,
    "log1p": torch.log1p,
    "sin": torch.sin,
    "cos": torch.cos,
    "tan": torch.tan,
    "asin": torch.asin,
    "acos": torch.acos,
    "atan": torch.atan,
    "atan2": torch.atan2,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "tanh": torch.tanh,
    "asinh": torch.asinh,
    "acosh": torch.acosh,
    "atanh": torch.atanh,
    "sigmoid": torch.sigmoid,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # F.softplus is a line beyond its threshold
    "erf": torch.erf,
    "erfc": torch.erfc,
    "abs": torch.abs,
    "sign": torch.sign,
    "relu": torch.relu,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "eq": torch.eq,
    "ne": torch.ne,
    "lt": torch.lt,
    "le": torch.le,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "not": torch.logical_not,
    "pi": lambda: torch.tensor(torch.pi, dtype=torch.float64),
    "stop": torch.Tensor.detach,
}

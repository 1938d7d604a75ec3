"""True backwards, hand-written and of frameworks: none of them may ever be accused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from covector.checker.functions import check_function
from covector.checker.verdict import Verdict
from tests.checker import handwritten as hand

HAS_TORCH = find_spec("torch") is not None
if HAS_TORCH:
    import torch
    from torch.nn import functional as F


@dataclass(frozen=True)
class True_:
    """A true backward with its forward and inputs; without a backward, the forward brings its own."""

    backward: Callable[..., Any] | None
    of: Any
    inputs: Mapping[str, str]
    wrt: tuple[str, ...] | None = None


TRUTHS: dict[str, True_] = {}


def _add(name: str, backward: Any, of: Any, wrt: tuple[str, ...] | None = None, **inputs: str) -> None:
    TRUTHS[name] = True_(backward, of, inputs, wrt)


LINEAR = {"x": "M I", "w": "O I", "b": "O"}
_add("linear", hand.linear_backward, hand.linear, **LINEAR)
_add("linear, derived", hand.linear_backward, "y[m,o] = sum[i](x[m,i]*w[o,i]) + b[o]", **LINEAR)
_add("softmax", hand.softmax_backward, hand.softmax, x="... N")
_add("softmax, derived", hand.softmax_backward, "y[...,j] = exp(x[...,j])/sum[k](exp(x[...,k]))", x="... N")
_add("log_softmax", hand.log_softmax_backward, hand.log_softmax, x="M N")
NORM = {"x": "... D", "w": "D", "b": "D"}
_add("layer norm", hand.layer_norm_backward, hand.layer_norm, **NORM)
_add("layer norm, derived", hand.layer_norm_backward, hand.LAYER_NORM, **NORM)
_add("batch norm", hand.batch_norm_backward, hand.batch_norm, x="N C", w="C", b="C")
_add("rms norm", hand.rms_norm_backward, hand.rms_norm, x="M D", w="D")
_add("conv1d", hand.conv1d_backward, hand.conv1d, x="N C (W+Q)", w="O C Q")
_add("conv1d, derived", hand.conv1d_backward, "y[n,o,p] = sum[c,q](x[n,c,p+q]*w[o,c,q])", x="N C (W+2)", w="O C 3")
_add("attention", hand.attention_backward, hand.attention, Q="N D", K="M D", V="M E")
_add("cross entropy", hand.cross_entropy_backward, hand.cross_entropy, ("x",), x="N C", t="N int<C")
CROSS = "l = mean[n](log(sum[c](exp(x[n,c]))) - x[n,t[n]])"
_add("cross entropy, derived", hand.cross_entropy_backward, CROSS, ("x",), x="N C", t="N int<C")
_add("embedding", hand.embedding_backward, hand.embedding, ("table",), ids="N int<V", table="V D")
_add("maximum", lambda x, g: g[:, None] * (x == x.max(-1, keepdims=True)), lambda x: x.max(-1), x="M N")
_add("mean", lambda x, g: np.broadcast_to(g / x.size, x.shape).astype(x.dtype), lambda x: x.mean(), x="M N")
_add("variance", hand.variance_backward, lambda x: x.var(-1), x="M N")
_add("cumsum", lambda x, g: g[::-1].cumsum(0)[::-1], lambda x: x.cumsum(0), x="N D")
_add("sort", hand.sort_backward, lambda x: np.sort(x, -1), x="M N")
_add("matmul of three", hand.three_backward, lambda a, b, c: a @ b @ c, a="M K", b="K L", c="L N")
_add("norm", lambda x, g: g * x / np.sqrt((x * x).sum()), lambda x: np.sqrt((x * x).sum()), x="M N")
_add("logsumexp", hand.logsumexp_backward, hand.logsumexp, x="M N")
_add("outer", lambda a, b, g: (g @ b, a @ g), np.outer, a="M", b="N")
_add("inverse", hand.inverse_backward, lambda a: np.linalg.inv(a + 4 * np.eye(len(a), dtype=a.dtype)), a="N N")
_add("prod", lambda x, g: g * np.prod(x) / x, np.prod, x="N nonzero")
_add("broadcast", lambda x, y, g: (g.sum(1), g.sum(0)), lambda x, y: x[:, None] + y[None, :], x="M", y="N")
for _name, _f, _d, _domain in hand.ELEMENTWISE:
    _add(_name, lambda x, g, d=_d: (g * d(x)).astype(x.dtype), _f, x=f"M N {_domain}")
    _add(f"{_name}, derived", lambda x, g, d=_d: (g * d(x)).astype(x.dtype), hand.text_of(_name), x=f"M N {_domain}")


def _torch() -> None:
    unary = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu, "elu": F.elu, "softplus": F.softplus, "tanh": torch.tanh}
    unary |= {"erf": torch.erf, "sigmoid": torch.sigmoid, "softmax": lambda x: torch.softmax(x, -1), "mish": F.mish}
    unary |= {
        "logcumsumexp": lambda x: torch.logcumsumexp(x, -1),
        "flip": lambda x: x.flip(0),
        "std": lambda x: x.std(),
    }
    unary |= {"amax": lambda x: x.amax(-1), "cumprod": lambda x: x.cumprod(-1), "tril": torch.tril, "roll": _rolled}
    unary |= {"normalise": lambda x: F.normalize(x, dim=-1), "median": lambda x: x.median(-1).values}
    for name, function in unary.items():
        _add(f"torch {name}", None, lambda x, f=function: f(x), x="M N")
    _add("torch linear", None, F.linear, **LINEAR)
    _add("torch bmm", None, torch.bmm, a="B M K", b="B K N")
    _add("torch einsum", None, lambda a, b: torch.einsum("ijk,kl->lij", a, b), a="I J K", b="K L")
    _add("torch layer norm", None, lambda x, w: F.layer_norm(x, x.shape[-1:], w), x="M D", w="D")
    _add("torch conv2d", None, lambda x, w: F.conv2d(x, w, padding=1), x="N C (H+1) (W+1)", w="O C 3 2")
    _add("torch attention", None, lambda q, k: F.scaled_dot_product_attention(q, k, k), q="N D", k="M D")
    _add("torch mse", None, F.mse_loss, x="M N", y="M N")
    _add("torch cross entropy", None, F.cross_entropy, x="N C", t="N int<C")
    _add("torch embedding", None, F.embedding, ids="N int<V", table="V D")
    _add("torch cdist", None, torch.cdist, a="M D", b="N D")
    _add("torch of a program", hand.TorchLinear, "y[m,o] = sum[i](x[m,i]*w[o,i])", x="M I", w="O I")
    _add("torch by hand", lambda x, w, g: (g @ w, g.T @ x), F.linear, x="M I", w="O I")


def _rolled(x: Any) -> Any:
    return x.roll(1, -1)


if HAS_TORCH:
    _torch()


def check_truth(name: str, seed: int = 0) -> Verdict:
    """The verdict on one of them."""
    true = TRUTHS[name]
    framework = "torch" if name.startswith("torch") else None
    return check_function(true.backward, of=true.of, inputs=true.inputs, wrt=true.wrt, seed=seed, framework=framework)

"""The programs whose whole derivations are frozen in `derivations/`, and in which formats."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import covector
from covector.derivation.derivation import Derivation

FOLDER = Path(__file__).with_name("derivations")
TEXT = "txt"
CHINESE = "zh.txt"
LATEX = "tex"
EVERY_FORMAT = (TEXT, CHINESE, LATEX)

_PRINT: dict[str, Callable[[Derivation], str]] = {
    TEXT: lambda derivation: derivation.text(),
    CHINESE: lambda derivation: derivation.text(lang="zh"),
    LATEX: lambda derivation: derivation.latex(),
}
_ERROR = re.compile(r"(relative error |最大相对误差 |dual numbers: |对偶数：)[0-9.e-]+")


@dataclass(frozen=True)
class Golden:
    """A program, what it is differentiated with respect to (every input where nothing is named), and the formats."""

    program: str
    wrt: tuple[str, ...] = ()
    formats: tuple[str, ...] = (TEXT,)

    def derive(self) -> Derivation:
        """The derivation."""
        return covector.derive(dedent(self.program), wrt=self.wrt or None)


def printed(derivation: Derivation, extension: str) -> str:
    """A derivation as text, but for its measured errors: their last digits are the machine's."""
    return _ERROR.sub(r"\1…", _PRINT[extension](derivation)) + "\n"


def path(name: str, extension: str) -> Path:
    """Where a derivation is frozen."""
    return FOLDER / f"{name}.{extension}"


# The pairs of shapes that broadcast in the notes on autograd.
_PAIRS = (("5 7 3", "5 7 3"), ("5 3 4 1", "3 1 1"), ("5 1 4 1", "3 1 1"), ("1", "3 1 7"))

BROADCASTING = {
    f"{name}-{'x'.join(x.split())}-{'x'.join(y.split())}": Golden(f"x: {x}\ny: {y}\nz = x {symbol} y")
    for name, symbol in (("add", "+"), ("sub", "-"), ("mul", "*"))
    for x, y in _PAIRS
}

NOTES = {
    "linear": Golden(
        "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]",
        formats=EVERY_FORMAT,
    ),
    "linear-matrix": Golden(
        """
        input: M infs
        weight: outfs infs
        bias: outfs
        linear = input @ weight.T + bias
        """
    ),
    "linear-channels": Golden(
        """
        input: N Cin
        weight: Cout Cin
        bias: Cout
        out[n,c] = bias[c] + sum[k](weight[c,k] * input[n,k])
        """
    ),
    "matmul": Golden("W: m n\nX: n p\nY = W @ X"),
    "linear-of-one-row": Golden("x: 1 2\nw: 2 3\ny = x @ w"),
    "regression": Golden(
        """
        X: n 4
        W: 1 4
        b: 1
        T: n 1
        Y = X @ W.T + b
        E = Y - T
        Cost = sum(E**2) / 2
        Loss = Cost / n
        """,
        wrt=("Y", "W", "b"),
        formats=EVERY_FORMAT,
    ),
}

KNOWN = {
    "sigmoid": Golden("y[i] = 1 / (1 + exp(-x[i]))"),
    "tanh": Golden("y[i,j] = tanh(x[i,j])"),
    "softmax": Golden("x: M N\ny = softmax(x)", formats=EVERY_FORMAT),
    "softmax-written": Golden("y[n,c] = exp(s[n,c]) / sum[d](exp(s[n,d]))"),
    "log-softmax": Golden("y[i,j] = x[i,j] - log(sum[k](exp(x[i,k])))"),
    "logsumexp": Golden("y[i] = log(sum[j](exp(x[i,j])))"),
    "cross-entropy": Golden("x: N C\ntarget: N int64\nloss = cross_entropy(x, target)", formats=EVERY_FORMAT),
    "mse": Golden("y: M N\nt: M N\nloss = mean((y - t)**2)"),
    "binary-cross-entropy": Golden("x: N\nt: N\nloss = binary_cross_entropy_with_logits(x, t)"),
    "layer-norm": Golden(
        "x: N D\nweight: D\nbias: D\ny = layer_norm(x, weight, bias)",
        formats=EVERY_FORMAT,
    ),
    "rms-norm": Golden("x: N D\nweight: D\ny = rms_norm(x, weight)"),
    "batch-norm": Golden("x: N C\nweight: C\nbias: C\ny = batch_norm(x, weight, bias)"),
    "attention": Golden("Q: N D\nK: M D\nV: M E\nO = attention(Q, K, V)", wrt=("P", "S", "V")),
    "conv1d-strided": Golden("signal: N C W\nweight: O C Q\ny = conv1d(signal, weight, stride=2, padding=1)"),
    "embedding": Golden("ids: N int64\ntable: V D\ny = embedding(ids, table)"),
    "cumsum": Golden("x: N\ny = cumsum(x)"),
    "maximum-of-rows": Golden("y[i] = max[j](x[i,j])"),
    "norm": Golden("a: N\ny = norm(a)"),
    "pairwise-squared-distances": Golden("a: M D\nb: N D\ny = pairwise_squared_distances(a, b)"),
    "matrix-factorisation": Golden("T: M N\nU: M K\nV: N K\nloss = sum((T - U @ V.T)**2)"),
    "quadratic-form": Golden("x: N\nA: N N\ny = x @ A @ x"),
    "diagonal": Golden("d[i] = a[i,i]"),
    "trace": Golden("a: N N\ny = trace(a)"),
}

DERIVATIONS: dict[str, Golden] = {**NOTES, **BROADCASTING, **KNOWN}

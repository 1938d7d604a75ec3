"""Programs in element form that are exported in the tests: a name, the text, and samplers for inputs that need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.ops.sampling import Sampler, below, nonzero, unit


@dataclass(frozen=True)
class Example:
    """A program, the extents that it cannot take below some value, and how its inputs are drawn."""

    source: str
    samplers: Mapping[str, Sampler] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)


_IDS = {"ids": below("V")}
_V = {"V": 1}

PROGRAMS: dict[str, Example] = {
    # Contractions.
    "linear": Example("linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]"),
    "linear of a stack": Example("y[l,i,j] = sum[k](x[l,i,k] * w[j,k])"),
    "matrix product": Example("c[i,j] = sum[k](a[i,k] * b[k,j])"),
    "both transposed": Example("c[i,j] = sum[k](a[k,i] * b[j,k])"),
    "matrix times vector": Example("y[i] = sum[k](a[i,k] * x[k])"),
    "vector times matrix": Example("y[j] = sum[k](x[k] * a[k,j])"),
    "dot": Example("s = sum[i](x[i] * y[i])"),
    "outer": Example("y[i,j] = a[i] * b[j]"),
    "outer turned": Example("y[j,i] = a[i] * b[j]"),
    "batched product": Example("c[b,i,j] = sum[k](x[b,i,k] * y[b,k,j])"),
    "batched product turned": Example("c[b,i,j] = sum[k](x[b,i,k] * y[b,j,k])"),
    "three factors": Example("y[i,l] = sum[j,k](a[i,j] * b[j,k] * c[k,l])"),
    "bilinear": Example("y[n,o] = sum[i,j](a[n,i] * w[o,i,j] * b[n,j])"),
    "double contraction": Example("s = sum[i,j](a[i,j] * b[i,j])"),
    "quadratic form": Example("s = sum[i,j](x[i] * a[i,j] * x[j])"),
    "sum of products": Example("y[i,j] = sum[k](a[i,k] * b[k,j] + c[i,k] * d[k,j])"),
    "sum over nothing read": Example("a: M N\ny[i] = sum[j:N](sum[k](a[i,k]))"),
    "weighted product": Example("y[i,j] = sum[k](a[i,k] * tanh(b[i,k]) * w[j,k])"),
    "trace": Example("s = sum[i](a[i,i])"),
    "diagonal": Example("y[i] = a[i,i] * 2"),
    "diagonal matrix": Example("x: N\ny[i:N,j:N] = [i = j] * x[i]"),
    "pairwise distances": Example("y[i,j] = sum[d]((a[i,d] - b[j,d]) ** 2)"),
    "squares": Example("y[i] = sum[j](x[i,j] * x[i,j])"),
    "square of a matrix": Example("s = sum[i,j](x[i,j] * x[i,j])"),
    "cubes": Example("s = sum[i](x[i] * x[i] * x[i])"),
    "squared exponentials": Example("y[i] = sum[j](exp(x[i,j]) * exp(x[i,j]))"),
    "squared factor": Example("y[i,k] = sum[j](a[i,j] * a[i,j] * b[j,k])"),
    "squared factor of three axes": Example("y[k] = sum[i,j](a[i,j,k] * a[i,j,k] * b[j])"),
    "squared factor among three": Example("y[i,l] = sum[j,k](a[i,j] * b[j,k] * a[i,j] * b[j,k] * c[k,l])"),
    "mean of squares": Example("y[i] = mean[j](x[i,j] * x[i,j])", least={"J": 1}),
    "repeated divisors": Example("y[i] = sum[j](x[i,j] / w[j] / w[j] / v[i] / v[i])", {"w": nonzero, "v": nonzero}),
    "repeated masks": Example("y[i] = sum[j]([x[i,j] > 0] * [x[i,j] > 0] * x[i,j] * x[i,j])"),
    "repeated scalar": Example("c: (); x: M N\ny[i] = sum[j](c * c * x[i,j] * 2 * N * N)"),
    "row and column sums": Example("y[i,j] = sum[k](x[i,k]) + sum[k](x[k,j])"),
    # Elementwise, with broadcasting.
    "polynomial": Example("y[i] = 3 * x[i]**3 - x[i]**2 / 2 + 0.25 * x[i] - 1"),
    "broadcast": Example("y[i,j] = x[i,j] * row[j] + column[i]"),
    "three axes": Example("y[i,j,k] = a[i,k] * b[j] - c[k,j]"),
    "transpose": Example("y[j,i] = x[i,j]"),
    "permute": Example("y[k,i,j] = x[i,j,k]"),
    "repeat": Example("x: N\ny[i:3,j] = x[j]"),
    "constant": Example("x: N\ny[i:N] = 2.5"),
    "scalar": Example("lr: ()\ny[i] = w[i] - lr * g[i]"),
    "index values": Example("x: N\ny[i:N] = x[i] * i + N"),
    "extents": Example("x: M N\ny[i,j] = x[i,j] / (M * N)"),
    "functions": Example("y[i] = sigmoid(x[i]) + erf(x[i]) * softplus(x[i]) - relu(x[i]) + abs(x[i]) + sign(x[i])"),
    "trigonometry": Example("y[i] = sin(x[i]) * cos(x[i]) + atan(x[i]) + atan2(x[i], 2) + pi"),
    "logarithms": Example("y[i] = log(x[i]) + sqrt(x[i]) + rsqrt(x[i]) + log1p(x[i]) + x[i]**-2", {"x": unit}),
    "power of two arrays": Example("y[i] = a[i] ** b[i]", {"a": unit, "b": unit}),
    "long": Example(
        "y[i] = tanh(alpha[i] + beta[i]) * sigmoid(gamma[i] - delta_of[i])"
        " + exp(-alpha[i] ** 2) * cos(beta[i] * gamma[i])"
        " - sin(gamma[i] + delta_of[i]) / (1 + exp(alpha[i] + beta[i] + gamma[i] + delta_of[i]))"
    ),
    # Reductions.
    "sum of squares": Example("s = sum[i,j](x[i,j] ** 2)"),
    "mean": Example("y[i] = mean[j](x[i,j])", least={"J": 1}),
    "product": Example("y[i] = prod[j](x[i,j])"),
    "maximum": Example("y[i] = max[j](x[i,j])", least={"J": 1}),
    "maximum with ties": Example("y[i] = max[j](round_to[i,j])", {"round_to": below(2)}, {"J": 1}),
    "minimum of two axes": Example("y[j] = min[i,k](x[i,j,k])", least={"I": 1, "K": 1}),
    "any and all": Example("y[i] = select(any[j](x[i,j] > 1) or all[j](x[i,j] < 0), 1.5, x[i,0])", least={"J": 1}),
    "range": Example("y = max[i](x[i]) - min[i](x[i])", least={"I": 1}),
    # Networks.
    "softmax": Example(
        "y[i,j] = exp(x[i,j] - stop(max[k](x[i,k]))) / sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))", least={"J": 1}
    ),
    "softmax, plainly": Example("y[i,j] = exp(x[i,j]) / sum[l](exp(x[i,l]))"),
    "log softmax of columns": Example("y[i,j] = x[i,j] - log(sum[l](exp(x[l,j])))", least={"I": 1}),
    "layer norm": Example(
        """x: M N
        mu[i] = mean[j](x[i,j])
        sigma[i] = sqrt(mean[j]((x[i,j] - mu[i])**2) + 0.00001)
        xhat[i,j] = (x[i,j] - mu[i]) / sigma[i]
        y[i,j] = xhat[i,j] * w[j] + b[j]""",
        least={"N": 1},
    ),
    "batch norm": Example(
        """x: N C
        mu[c] = mean[n](x[n,c])
        var[c] = mean[n]((x[n,c] - mu[c])**2)
        y[n,c] = (x[n,c] - mu[c]) * rsqrt(var[c] + 0.001) * g[c]""",
        least={"N": 1},
    ),
    "attention": Example(
        """Q: N D; K: M D; V: M E
        S[i,j] = sum[d](Q[i,d] * K[j,d]) / sqrt(D)
        P[i,j] = exp(S[i,j] - stop(max[k](S[i,k]))) / sum[l](exp(S[i,l] - stop(max[k](S[i,k]))))
        O[i,e] = sum[j](P[i,j] * V[j,e])""",
        least={"M": 1, "D": 1},
    ),
    "causal attention": Example(
        """Q: N D; K: N D; V: N E
        S[i,j] = sum[d](Q[i,d] * K[j,d])
        P[i,j] = [j <= i] * exp(S[i,j]) / sum[l]([l <= i] * exp(S[i,l]))
        O[i,e] = sum[j](P[i,j] * V[j,e])""",
    ),
    "two layers": Example(
        """h[n,j] = relu(sum[k](x[n,k] * W[j,k]) + b[j])
        z[n,o] = sum[j](h[n,j] * U[o,j])
        loss = sum[n,o](z[n,o] ** 2)"""
    ),
    "cross entropy": Example(
        "x: N V\nids: N int64\nloss = -mean[n](x[n,ids[n]] - log(sum[c](exp(x[n,c]))))", _IDS, {"V": 1, "N": 1}
    ),
    # Shifts, windows and strides.
    "difference": Example("x: N\ny[i:N-1] = x[i+1] - x[i]", least={"N": 1}),
    "every second": Example("x: (2*N)\ny[i:N] = x[2*i]"),
    "every second, odd": Example("x: (2*N)\ny[i:N] = x[2*i+1] * x[2*i]"),
    "reversed": Example("x: N\ny[i:N] = x[N-1-i]"),
    "first and last": Example("x: N\ny = x[0] * x[N-1]", least={"N": 1}),
    "halves": Example("x: M (2*N)\ny[i,j:N] = x[i,j] * sigmoid(x[i,N+j])"),
    "shift with padding": Example("x: N\ny[i:N] = pad(x[i-1]) + 2 * pad(x[i+2])"),
    "convolution": Example("x: N C W; w: O C 3\ny[n,o,t:W] = sum[c,q](pad(x[n,c,t+q-1]) * w[o,c,q])"),
    "strided convolution": Example(
        "x: N C H W; w: O C 3 3\ny[n,o,a:(H+1)//2,b:(W+1)//2] = sum[c,p,q](pad(x[n,c,2*a+p-1,2*b+q-1]) * w[o,c,p,q])"
    ),
    "dilated convolution": Example("x: (W+4); w: 3\ny[t:W] = sum[q](x[t+2*q] * w[q])"),
    "transposed convolution": Example("x: W; w: 3\ny[t:2*W+1] = sum[j,q]([t = 2*j + q] * x[j] * w[q])"),
    "maximum pooling": Example("x: N (2*M)\ny[n,i:M] = max[p:2](x[n,2*i+p])"),
    "overlapping pooling": Example("x: (2*M+1)\ny[i:M] = max[p:3](x[2*i+p])"),
    "average pooling": Example("x: (2*H) (2*W)\ny[a:H,b:W] = mean[p:2,q:2](x[2*a+p,2*b+q])"),
    # Shapes.
    "split": Example("x: (M*3)\ny[i:M,j:3] = x[i*3+j]"),
    "split into a composite extent": Example("x: (M//2*3)\ny[i:M//2,j:3] = x[i*3+j]"),
    "merge": Example("x: M N\ny[i:M*N] = x[i//N, i%N]"),
    "merge and split": Example("x: M 6\ny[i,a:2,b:3] = x[i,a*3+b] ** 2"),
    "upsample": Example("x: M\ny[i:2*M] = x[i//2]"),
    "tile": Example("x: M\ny[i:2*M] = x[i%M] * i"),
    "concatenate": Example("x: M; z: N\ny[i:M+N] = select(i < M, pad(x[i]), pad(z[i-M]))"),
    # Brackets, selections and data-dependent reads.
    "cumulative sum": Example("x: N\ny[i:N] = sum[j]([j <= i] * x[j])"),
    "banded product": Example("a: N K; b: N K\ny[i,j] = [i - 1 <= j and j <= i + 1] * sum[k](a[i,k] * b[j,k])"),
    "masked contraction": Example("a: N K; b: K M\ny[i,j] = sum[k]([k <= i] * a[i,k] * b[k,j])"),
    "square root where positive": Example("y[i] = select(x[i] > 0, sqrt(x[i]), 0)"),
    "strong zero": Example("x: N\ny[i:N] = [i > 0] * (1 / i) * x[i]"),
    "piecewise": Example("y[i] = select(x[i] > 1, x[i]**2, select(x[i] < -1, -x[i], 2*x[i]))"),
    "brackets added": Example("y[i] = [x[i] > 0] + [x[i] > 1] - [x[i] < -1] + 0.5"),
    "count": Example("y[i] = sum[j]([x[i,j] > 0])"),
    "embedding": Example("table: V D\nids: N int64\ny[n,d] = table[ids[n],d]", _IDS, _V),
    "embedding of a matrix": Example("table: V D\nids: M N int64\ny[m,n,d] = table[ids[m,n],d]", _IDS, _V),
    "pick": Example("x: N V\nids: N int64\ny[n] = x[n,ids[n]]", _IDS, _V),
    "pick columns": Example("x: N V\nids: M int64\ny[n,m] = x[n,ids[m]]", _IDS, _V),
    "one-hot": Example("x: N V\nids: N int64\ny[n,c] = x[n,c] - [c = ids[n]]", _IDS, _V),
    "one-hot rows": Example("ids: N int64\ny[n,c:V] = [c = ids[n]] * w[n,c]", _IDS, _V),
    "scatter": Example("G: N D\nids: N int64\ny[v:V,d] = sum[n]([v = ids[n]] * G[n,d]) + w[v]", _IDS, _V),
    "histogram": Example("ids: N int64; w: V\ny[v:V] = w[v] * sum[n]([v = ids[n]])", _IDS, _V),
    "guarded lookup": Example(
        "table: V D\nids: N int64\ny[n,d] = select(ids[n] < V - 1, table[ids[n] + 1,d], 0)", _IDS, _V
    ),
    "sum by group": Example("x: (3*S)\ny[g:3] = sum[i]([g = i // S] * x[i])", least={"S": 1}),
    "several statements": Example("a[i] = x[i] ** 2\nb[j] = exp(y[j])\nc[i,j] = a[i] * b[j] + a[i]"),
    "names": Example("lambda: N; np: N; sum2: N\n权重[i] = lambda[i] * np[i]\nfloat[i] = 权重[i] + sum2[i]"),
    "names that Python takes for one": Example("ﬁ[i] = ｘ[i] * x[i] + ℎ[i] * h[i]"),
    "division": Example("y[i,j] = a[i,j] / b[j] / c[i]", {"b": nonzero, "c": nonzero}),
}

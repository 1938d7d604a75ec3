"""Claims about forwards of many kinds, written by one who doubts the check: what is true, and what is wrong."""

from __future__ import annotations

import pytest

import covector as cv

# The forward, the shapes of its inputs, what is true of it, and what is wrong.
CLAIMS: list[tuple[str, dict[str, str], list[str], list[str]]] = [
    (
        "y[i,j] = exp(x[i,j]) / sum[k](exp(x[i,k]))",
        {},
        [
            "∂y[i,p]/∂x[i,q] = y[i,p] * (δ(p,q) - y[i,q])",
            "dx[i,j] = y[i,j]*G[i,j] - y[i,j]*sum[k](y[i,k]*G[i,k])",
            "∂y[i,j]/∂x[i,j] = y[i,j]*(1-y[i,j])",
            "∂y[p,j]/∂x[q,k] = 0 if p != q",
        ],
        [
            "∂y[i,p]/∂x[i,q] = y[i,p] * (δ(p,q) - y[i,p])",
            "dx[i,j] = y[i,j]*G[i,j] - y[i,j]*sum[k](y[k,j]*G[k,j])",
            "∂y[i,j]/∂x[i,j] = 1 - y[i,j]",
            "∂y[i,j]/∂x[i,j] = y[i,j]*(1+y[i,j])",
        ],
    ),
    (
        "l[i] = log(sum[k](exp(x[i,k])))",
        {},
        ["dx[i,j] = G[i] * exp(x[i,j] - l[i])", "∂l[i]/∂x[i,j] = exp(x[i,j])/sum[k](exp(x[i,k]))"],
        [
            "dx[i,j] = G[i] * exp(x[i,j])",
            "dx[i,j] = G[j] * exp(x[i,j] - l[i])",
            "∂l[i]/∂x[i,j] = exp(x[i,j])/sum[k](exp(x[k,j]))",
        ],
    ),
    (
        "l = mean[n](log(sum[c](exp(x[n,c]))) - x[n,t[n]])",
        {},
        [
            "dx[n,c] = (exp(x[n,c])/sum[k](exp(x[n,k])) - [c = t[n]]) / N",
            "∂l/∂x[n,c] = (exp(x[n,c])/sum[k](exp(x[n,k])) - [t[n] = c]) / N",
        ],
        [
            "dx[n,c] = exp(x[n,c])/sum[k](exp(x[n,k])) - [c = t[n]]",
            "dx[n,c] = (exp(x[n,c])/sum[k](exp(x[n,k])) + [c = t[n]]) / N",
            "dx[n,c] = (exp(x[n,c])/sum[k](exp(x[n,k]))) / N",
            "dx[n,c] = (exp(x[n,c])/sum[k](exp(x[n,k])) - 2*[c = t[n]]) / N",
            "dx[n,c] = (exp(x[n,c])/sum[k](exp(x[n,k])) - [c = t[n]]) / C",
        ],
    ),
    (
        "r[i] = sqrt(mean[k](x[i,k]**2) + eps); y[i,j] = x[i,j] / r[i] * g[j]",
        {},
        [
            "dg[j] = sum[i](G[i,j] * x[i,j] / r[i])",
            "dx[i,j] = G[i,j]*g[j]/r[i] - x[i,j]/r[i]**3 * mean[k](G[i,k]*g[k]*x[i,k])",
            "∂r[i]/∂x[i,j] = x[i,j]/(K*r[i])",
        ],
        [
            "dg[j] = sum[i](G[i,j] * x[i,j])",
            "dx[i,j] = G[i,j]*g[j]/r[i]",
            "dx[i,j] = G[i,j]*g[j]/r[i] - x[i,j]/r[i]**2 * mean[k](G[i,k]*g[k]*x[i,k])",
            "dx[i,j] = G[i,j]*g[j]/r[i] - x[i,j]/r[i]**3 * sum[k](G[i,k]*g[k]*x[i,k])",
            "dx[i,j] = G[i,j]/r[i] - x[i,j]/r[i]**3 * mean[k](G[i,k]*x[i,k])",
        ],
    ),
    (
        "a = x @ W; b = x @ V; s = sigmoid(b); y = a * s",
        {"x": "M K", "W": "K N", "V": "K N"},
        [
            "da = dy * s",
            "db = dy * a * s * (1 - s)",
            "dW = x.T @ da",
            "dx = da @ W.T + db @ V.T",
            "dV = x.T @ (G * a * s * (1-s))",
        ],
        [
            "da = dy * b",
            "db = dy * a * (1 - s)",
            "dW = da.T @ x",
            "dx = da @ W.T",
            "dx = da @ W.T - db @ V.T",
            "dx = da @ V.T + db @ W.T",
            "dV = x.T @ (G * s * (1-s))",
        ],
    ),
    (
        "s[n] = sum[i,j](x[n,i] * A[i,j] * y[n,j])",
        {},
        [
            "dA[i,j] = sum[n](G[n]*x[n,i]*y[n,j])",
            "dx[n,i] = G[n]*sum[j](A[i,j]*y[n,j])",
            "∂s[n]/∂y[n,j] = sum[i](x[n,i]*A[i,j])",
        ],
        [
            "dA[i,j] = sum[n](G[n]*x[n,j]*y[n,i])",
            "dx[n,i] = G[n]*sum[j](A[j,i]*y[n,j])",
            "dA[i,j] = mean[n](G[n]*x[n,i]*y[n,j])",
            "dA[i,j] = sum[n](x[n,i]*y[n,j])",
        ],
    ),
    (
        "l = sum[i]((y[i]-t[i])**2) / 2 + lam * sum[i](w[i]**2) / 2",
        {},
        ["dy = y - t", "dw = lam * w", "dlam = sum(w*w)/2", "dt = t - y"],
        ["dy = 2*(y - t)", "dw = 2*lam*w", "dw = w", "dlam = sum(w)/2", "dt = y - t"],
    ),
    (
        "y[i] = sum[j]([j <= i] * x[j])",
        {},
        ["dx[j] = sum[i]([i >= j] * G[i])", "∂y[p]/∂x[q] = 1 if q <= p; 0 if q > p"],
        ["dx[j] = sum[i]([i <= j] * G[i])", "dx[j] = sum[i]([i > j] * G[i])", "∂y[p]/∂x[q] = 1"],
    ),
    (
        "y[n,d] = table[ids[n],d]",
        {},
        ["dtable[v,d] = sum[n]([ids[n] = v] * G[n,d])", "∂y[n,d]/∂table[v,e] = δ(d,e) * [ids[n] = v]"],
        ["dtable[v,d] = mean[n]([ids[n] = v] * G[n,d])", "dtable[v,d] = sum[n](G[n,d])"],
    ),
    (
        "n = sqrt(sum[i](x[i]**2)); u[i] = x[i] / n",
        {},
        ["dx[i] = (G[i] - u[i]*sum[k](u[k]*G[k]))/n", "∂u[p]/∂x[q] = (δ(p,q) - u[p]*u[q])/n", "∂n/∂x[i] = u[i]"],
        [
            "dx[i] = (G[i] - x[i]*sum[k](u[k]*G[k]))/n",
            "dx[i] = (G[i] - u[i]*sum[k](u[k]*G[k]))",
            "∂u[p]/∂x[q] = (δ(p,q) - u[p]*u[q])/n**2",
            "dx[i] = G[i]/n",
        ],
    ),
    (
        "t = trace(A @ B)",
        {"A": "M N", "B": "N M"},
        ["dA = B.T", "dB = A.T", "t = sum(A * B.T)"],
        ["dA = B", "dB = A", "t = sum(A * B)"],
    ),
    (
        "y[i] = x[i] * sigmoid(1.702 * x[i])",
        {},
        [
            "dx[i] = G[i]*(sigmoid(1.702*x[i]) + 1.702*x[i]*sigmoid(1.702*x[i])*(1-sigmoid(1.702*x[i])))",
            "dx = G * (y/x + 1.702*y*(1-y/x))",
        ],
        [
            "dx[i] = G[i]*sigmoid(1.702*x[i])",
            "dx[i] = G[i]*(sigmoid(1.702*x[i]) + x[i]*sigmoid(1.702*x[i])*(1-sigmoid(1.702*x[i])))",
        ],
    ),
    (
        "d = sum[i](a[i]*b[i]) / (sqrt(sum[i](a[i]**2)) * sqrt(sum[i](b[i]**2)))",
        {},
        ["da[i] = G*(b[i]/(sqrt(sum[k](a[k]**2))*sqrt(sum[k](b[k]**2))) - d*a[i]/sum[k](a[k]**2))"],
        ["da[i] = G*(b[i]/(sqrt(sum[k](a[k]**2))*sqrt(sum[k](b[k]**2))) - d*a[i])"],
    ),
    (
        "C[b,i,j] = sum[k](A[b,i,k] * B[b,k,j])",
        {},
        [
            "dA[b,i,k] = sum[j](G[b,i,j]*B[b,k,j])",
            "dB[b,k,j] = sum[i](A[b,i,k]*G[b,i,j])",
            "∂C[b,i,j]/∂A[c,p,q] = δ(b,c)*δ(i,p)*B[b,q,j]",
        ],
        [
            "dA[b,i,k] = sum[j](G[b,i,j]*B[b,j,k])",
            "dB[b,k,j] = sum[i](A[b,k,i]*G[b,i,j])",
            "dB[k,j] = sum[b,i](A[b,i,k]*G[b,i,j])",
        ],
    ),
    (
        "m = mean[i](x[i]); v = sum[i]((x[i]-m)**2) / (N - 1)",
        {"x": "N"},
        ["dx[i] = 2*(x[i]-m)/(N-1)", "∂v/∂x[i] = 2*(x[i]-m)/(N-1)", "v = (sum(x**2) - N*m**2)/(N-1)"],
        ["dx[i] = 2*(x[i]-m)/N", "dx[i] = 2*x[i]/(N-1)", "dx[i] = (x[i]-m)/(N-1)"],
    ),
    ("y[i] = max[j](x[i,j])", {}, ["∂y[i]/∂x[p,q] = 0 if i != p"], ["∂y[i]/∂x[i,j] = 1", "dx[i,j] = G[i]"]),
]
TRUE = [(of, shapes, claim) for of, shapes, claims, _ in CLAIMS for claim in claims]
WRONG = [(of, shapes, claim) for of, shapes, _, claims in CLAIMS for claim in claims]


@pytest.mark.parametrize(("of", "shapes", "claim"), TRUE)
def test_what_is_true_is_not_accused(of: str, shapes: dict[str, str], claim: str) -> None:
    verdict = cv.check(claim, of=of, shapes=shapes)
    assert verdict, str(verdict)


@pytest.mark.parametrize(("of", "shapes", "claim"), WRONG)
def test_what_is_wrong_is_found(of: str, shapes: dict[str, str], claim: str) -> None:
    verdict = cv.check(claim, of=of, shapes=shapes)
    assert verdict.verdict == "wrong", str(verdict)
    assert verdict.cause is not None


def test_a_whole_value_is_spelt_out() -> None:
    verdict = cv.check("t = sum(A * B)", of="t = trace(A @ B)", A="M N", B="N M")
    assert verdict.suggestion == "t = trace(A @ B)"


def test_too_few_indices_are_wrong() -> None:
    verdict = cv.check("dB[k,j] = sum[b,i](A[b,i,k] * G[b,i,j])", of="C[b,i,j] = sum[k](A[b,i,k] * B[b,k,j])")
    assert verdict.cause is not None
    assert verdict.cause.name == "wrong number of axes"

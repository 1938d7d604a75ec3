"""Statements with the matrix forms that a person would write, and statements that have none."""

MATMUL = [
    ("A: M K; B: K N; y[i,j] = sum[k](A[i,k] * B[k,j])", "A @ B"),
    ("A: M K; B: N K; y[i,j] = sum[k](A[i,k] * B[j,k])", "A @ B.T"),
    ("A: K M; B: K N; y[i,j] = sum[k](A[k,i] * B[k,j])", "A.T @ B"),
    ("A: K M; B: N K; y[i,j] = sum[k](A[k,i] * B[j,k])", "A.T @ B.T"),
    ("A: M K; x: K; y[i] = sum[k](A[i,k] * x[k])", "A @ x"),
    ("A: K M; x: K; y[i] = sum[k](A[k,i] * x[k])", "A.T @ x"),
    ("a: N; b: N; y = sum[i](a[i] * b[i])", "a @ b"),
    ("a: M; b: N; y[i,j] = a[i] * b[j]", "outer(a, b)"),
    ("a: M; b: N; y[j,i] = a[i] * b[j]", "outer(b, a)"),
    ("G: M N; W: K N; V: K D; y[i,j] = sum[n,k](G[i,n] * W[k,n] * V[k,j])", "G @ W.T @ V"),
    ("A: N N; x: N; y = sum[i,j](x[i] * A[i,j] * x[j])", "x @ A @ x"),
    ("A: N N; x: N; y[i] = sum[j](A[i,j] * x[j]) + sum[j](A[j,i] * x[j])", "A @ x + A.T @ x"),
    ("A: N N; y[i,j] = A[i,j] + A[j,i]", "A + A.T"),
    ("A: M N; x: N; b: M; y[i,j] = (sum[k](A[i,k] * x[k]) - b[i]) * x[j]", "outer(A @ x - b, x)"),
    ("A: M N; x: N; b: M; y[j] = 2 * sum[i](A[i,j] * (sum[k](A[i,k] * x[k]) - b[i]))", "2 * A.T @ (A @ x - b)"),
    (
        "U: M K; V: N K; T: M N; y[i,k] = -2 * sum[j]((T[i,j] - sum[l](U[i,l] * V[j,l])) * V[j,k])",
        "-2 * (T - U @ V.T) @ V",
    ),
    ("G: M N; x: M K; A: R K; y[i,r] = 2 * sum[p,k](G[p,i] * x[p,k] * A[r,k])", "2 * G.T @ x @ A.T"),
    ("G: M N; y: M N; w: N K; d[i,j] = sum[k](G[i,k] * y[i,k] * w[k,j])", "(G * y) @ w"),
]
BATCHED = [
    ("A: B M K; C: B K N; y[b,i,j] = sum[k](A[b,i,k] * C[b,k,j])", "A @ C"),
    ("A: B M K; C: B N K; y[b,i,j] = sum[k](A[b,i,k] * C[b,j,k])", "A @ C.T"),
    ("G: B M N; w: N K; y[b,p,j] = sum[i](G[b,p,i] * w[i,j])", "G @ w"),
    ("G: B M N; x: B M K; y[i,j] = sum[b,p](G[b,p,i] * x[b,p,j])", "sum(G.T @ x, axis=0)"),
    ("Q: B H N D; K: B H M D; y[b,h,i,j] = sum[d](Q[b,h,i,d] * K[b,h,j,d]) / sqrt(D)", "Q @ K.T / sqrt(D)"),
    ("P: B H N M; V: B H M D; y[b,h,i,d] = sum[j](P[b,h,i,j] * V[b,h,j,d])", "P @ V"),
    ("T: A B C; x: A; z: C; y[j] = sum[i,k](T[i,j,k] * x[i] * z[k])", "x @ (T @ z)"),
    ("l: N I; r: N J; W: O I J; y[n,o] = sum[i,j](l[n,i] * W[o,i,j] * r[n,j])", 'einsum("ni,oij,nj->no", l, W, r)'),
    ("A: N I; B: N J; y[n,i,j] = A[n,i] * B[n,j]", "expand_dims(A, axis=2) * expand_dims(B, axis=1)"),
    ("A: B N D; c: B D; y[b,n] = sum[d](A[b,n,d] * c[b,d])", 'einsum("bnd,bd->bn", A, c)'),
]
LINEAR = [
    ("G: M outfs; input: M infs; y[i,j] = sum[p](G[p,i] * input[p,j])", "G.T @ input"),
    ("G: M outfs; weight: outfs infs; y[i,j] = sum[p](G[i,p] * weight[p,j])", "G @ weight"),
    ("G: M outfs; y[j] = sum[p](G[p,j])", "sum(G, axis=0)"),
    (
        "input: M infs; weight: outfs infs; bias: outfs; y[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]",
        "input @ weight.T + bias",
    ),
    ("G: M N; x: M K; y[i,j] = sum[p](G[p,i] * x[p,j]) / M", "G.T @ x / M"),
]
TRACES = [
    ("A: N N; y = sum[i](A[i,i])", "trace(A)"),
    ("A: M N; B: N M; y = sum[i,j](A[i,j] * B[j,i])", "trace(A @ B)"),
    ("A: M N; B: N K; C: K M; y = sum[i,j,k](A[i,j] * B[j,k] * C[k,i])", "trace(A @ B @ C)"),
    ("A: M N; B: M N; y = sum[i,j](A[i,j] * B[i,j])", "sum(A * B)"),
    ("A: N N; y[i] = A[i,i]", "diag(A)"),
    ("x: N; y[i:N,j:N] = [i = j] * x[i]", "diag(x)"),
    ("y: N; J[i,k:N] = [i = k] * y[i] - y[i] * y[k]", "diag(y) - outer(y, y)"),
    ("A: N N; d: N; y[i] = A[i,i] * d[i]", "diag(A) * d"),
]
ELEMENTWISE = [
    ("G: M N; y: M N; z[i,j] = G[i,j] * y[i,j]", "G * y"),
    ("y: M N; w: N; z[i,j] = y[i,j] * w[j]", "y * w"),
    ("y: M N; s: M; z[i,j] = y[i,j] * s[i]", "diag(s) @ y"),
    ("y: M N; s: M; z[i,j] = y[i,j] / s[i]", "y / expand_dims(s, axis=1)"),
    ("x: M N; mu: M; z[i,j] = x[i,j] - mu[i]", "x - expand_dims(mu, axis=1)"),
    ("x: M N; mu: M 1; z[i,j] = x[i,j] - mu[i,0]", "x - mu"),
    ("x: M N; y[i,j] = x[j,i]", "x.T"),
    ("x: A B C; y[i,j,k] = x[k,i,j]", "transpose(x, (1, 2, 0))"),
    ("x: N; y[i] = exp(-x[i]) * sigmoid(x[i]) ** 2", "exp(-x) * sigmoid(x) ** 2"),
    ("x: M N; G: M N; y[i,j] = [x[i,j] > 0] * G[i,j]", "(x > 0) * G"),
    ("x: N; y[i] = select(x[i] > 0, x[i], 2 * x[i])", "select(x > 0, x, 2 * x)"),
    ("G: (); x: M N; y[i,j] = G * 2 * x[i,j] / (M * N)", "2 * G * x / (M * N)"),
    ("a: N; b: N; c: M; y[i] = sum[k](a[k] * b[k]) * c[i]", "(a @ b) * c"),
]
SUMS = [
    ("G: M N; y[j] = sum[i](G[i,j])", "sum(G, axis=0)"),
    ("G: M N; y[i] = sum[j](G[i,j])", "sum(G, axis=1)"),
    ("G: M N; y = sum[i,j](G[i,j])", "sum(G)"),
    ("G: B M N; y[j] = sum[b,i](G[b,i,j])", "sum(G, axis=(0, 1))"),
    ("G: M N; y[i] = mean[j](G[i,j])", "mean(G, axis=1)"),
    ("G: M N; y = mean[i,j](G[i,j] ** 2)", "mean(G ** 2)"),
    ("G: M N; y[j] = max[i](G[i,j])", "max(G, axis=0)"),
    ("x: N; y = sqrt(sum[k](x[k] ** 2))", "norm(x)"),
    ("x: N; G: (); y[i] = G * x[i] / sqrt(sum[k](x[k] ** 2))", "G * x / norm(x)"),
]
KNOWN = [
    (
        "y: M N; G: M N; d[i,j] = y[i,j] * (G[i,j] - sum[l](G[i,l] * y[i,l]))",
        "y * (G - sum(G * y, axis=1, keepdims=true))",
    ),
    ("y: N; G: N; d[i] = y[i] * (G[i] - sum[l](G[l] * y[l]))", "y * (G - G @ y)"),
    (
        "P: M N; dP: M N; d[i,j] = P[i,j] * (dP[i,j] - sum[l](dP[i,l] * P[i,l]))",
        "P * (dP - sum(dP * P, axis=1, keepdims=true))",
    ),
    ("dS: M N; K: N D; d[i,d] = sum[j](dS[i,j] * K[j,d]) / sqrt(D)", "dS @ K / sqrt(D)"),
    ("dS: M N; Q: M D; d[j,d] = sum[i](dS[i,j] * Q[i,d]) / sqrt(D)", "dS.T @ Q / sqrt(D)"),
    ("G: M D; P: M N; d[j,d] = sum[i](G[i,d] * P[i,j])", "P.T @ G"),
    (
        "g: M N; w: N; xhat: M N; sigma: M; d[i,j] = (g[i,j] * w[j] - mean[k](g[i,k] * w[k])"
        " - xhat[i,j] * mean[k](g[i,k] * w[k] * xhat[i,k])) / sigma[i]",
        "(g * w - mean(g * w, axis=1, keepdims=true) - xhat * mean(g * w * xhat, axis=1, keepdims=true))"
        " / expand_dims(sigma, axis=1)",
    ),
]
STYLE = [
    ("g: M N; h: M N; x: M K; y[i,j] = sum[p](g[p,i] * x[p,j] * (1 - h[p,i] ** 2))", "(g * (1 - h ** 2)).T @ x"),
    (
        "x: M N; mu: M; y[i] = sqrt(mean[k]((x[i,k] - mu[i]) ** 2) + 1e-5)",
        "sqrt(mean((x - expand_dims(mu, axis=1)) ** 2, axis=1) + 1e-5)",
    ),
    ("x: N; y[i] = 0.01 * x[i] + x[i] ** 2 / 2", "0.01 * x + x ** 2 / 2"),
    ("G: N O (W-Q+1); s: W; q: Q; y[o] = sum[n,x](G[n,o,x])", "sum(G, axis=(0, 2))"),
]
OPERATIONS = [
    ("x: M N; y[i,j] = exp(x[i,j]) / sum[l](exp(x[i,l]))", "softmax(x, axis=1)"),
    ("x: M N; y[i,j] = exp(x[i,j]) / sum[l](exp(x[l,j]))", "softmax(x, axis=0)"),
    (
        "x: M N; y[i,j] = exp(x[i,j] - stop(max[k](x[i,k]))) / sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))",
        "softmax(x, axis=1)",
    ),
    ("x: M N; y[i] = log(sum[l](exp(x[i,l] - stop(max[k](x[i,k]))))) + stop(max[k](x[i,k]))", "logsumexp(x, axis=1)"),
    ("x: N; y = log(sum[l](exp(x[l])))", "logsumexp(x)"),
    (
        "x: M N; y[i,j] = x[i,j] - stop(max[k](x[i,k])) - log(sum[l](exp(x[i,l] - stop(max[k](x[i,k])))))",
        "log_softmax(x, axis=1)",
    ),
    ("ids: N int64; G: N D; y[v:5,d] = sum[n]([v = ids[n]] * G[n,d])", "one_hot(ids, classes=5).T @ G"),
    (
        "ids: M int64; x: M 4; y[i,j] = (exp(x[i,j]) / sum[l](exp(x[i,l])) - [j = ids[i]]) / M",
        "(softmax(x, axis=1) - one_hot(ids, classes=4)) / M",
    ),
    ("ids: N int64; t: V D; y[n,d] = t[ids[n],d]", "embedding(ids, t)"),
]
SIZED = [
    ("G: 5 3 4 1; y[i,j:1,k] = sum[p,r](G[p,i,r,k])", "sum_to_size(G, 3, 1, 1)"),
    ("G: 5 3 4 1; x: 5 1 4 1; y[i,j:1,k] = -sum[p,r](G[p,i,r,k] * x[p,0,r,k])", "-sum_to_size(G * x, 3, 1, 1)"),
    ("G: 5 3 4 1; y[i,j:1,k,l] = sum[q](G[i,q,k,l])", "sum(G, axis=1, keepdims=true)"),
    ("G: 3 1 7; y: 3 1 7; d[i:1] = sum[p,q,r](G[p,q,r] * y[p,q,r])", "sum_to_size(G * y, 1)"),
    ("G: M N; d[i:1,j] = sum[p](G[p,j])", "sum(G, axis=0, keepdims=true)"),
    ("G: M N; d[i,j:1] = sum[q](G[i,q])", "sum(G, axis=1, keepdims=true)"),
    ("G: M N; d[i:1,j:1] = sum[p,q](G[p,q])", "sum(G, keepdims=true)"),
    ("G: M; x: M; d[i:1] = sum[p](G[p] * x[p])", "sum(G * x, keepdims=true)"),
    ("G: M N; z: M N; y: 1 N; d[i:1,j] = -sum[p](G[p,j] * z[p,j]) / y[0,j]", "-sum(G * z, axis=0) / y"),
    ("x: M 1; y: 1 N; z[i,j] = x[i,0] * y[0,j]", "x * y"),
    ("x: B M N; y[i,j:1,k] = sum[l](x[i,l,k])", "sum(x, axis=1, keepdims=true)"),
    ("G: B 1 N; d[i,j:M,k] = sum[q](G[i,q,k])", "broadcast_to(G, B, M, N)"),
    ("x: N; y[i:1,j] = x[j]", "expand_dims(x, axis=0)"),
]
REPEATED = [
    ("G: N; y[i:M,j] = G[j]", "outer(ones(M), G)"),
    ("G: M; y[i,j:N] = 2 * G[i]", "2 * outer(G, ones(N))"),
    ("G: N; y[i:M,j] = G[j] / M", "outer(ones(M), G) / M"),
    ("G: (); y[i:M,j:N] = G", "G * ones(M, N)"),
    ("x: M N; y[i:M,j:N] = 1 / (M * N)", "ones(M, N) / (M * N)"),
    ("x: N; y[i:2*N-1] = 0", "zeros(2 * N - 1)"),
    ("G: C; y[i:A,j:B,k] = G[k] / (A * B)", "broadcast_to(G / (A * B), A, B, C)"),
    ("B: K N; y[i:M,j] = sum[m](B[j,m])", "ones(M, N) @ B.T"),
    ("A: N N; y[i:N,j:N] = [i = j]", "eye(N)"),
    ("A: N N; s: (); y[i,j] = A[i,j] + s * [i = j]", "A + s * eye(N)"),
    ("A: N N; y[i,j] = [i = j] * A[i,j]", "A * eye(N)"),
    ("A: M N; y[i,j] = [j <= i] * A[i,j]", "tril(A)"),
    ("A: B N N; y[b,i,j] = [j < i] * A[b,i,j]", "tril(A, k=-1)"),
    ("A: N N; y[i,j] = [i < j] * 2 * A[i,j]", "2 * triu(A, k=1)"),
    ("A: N N; x: N; y[i] = sum[j]([j <= i] * A[i,j] * x[j])", "tril(A) @ x"),
    ("S: N N; y[i,j] = select(j <= i, S[i,j], -inf)", "select(tril(ones(N, N)), S, -inf)"),
    ("x: N; y[i:N] = sum[j]([j <= i] * x[j])", "cumsum(x)"),
    ("x: M N; y[i,j:N] = sum[k]([k <= j] * x[i,k])", "cumsum(x, axis=1)"),
]
SLICED = [
    ("z: A 7 C; y[n,j] = z[n,3,j]", "take(z, 3, axis=1)"),
    ("z: A B C; y[n] = tanh(z[n,0,C-1])", "tanh(take(take(z, C - 1, axis=2), 0, axis=1))"),
    ("x: N C; ids: N int64; y[n] = x[n,ids[n]]", "sum(one_hot(ids, classes=C) * x, axis=1)"),
    ("x: N C; ids: N int64; y = -mean[n](x[n,ids[n]])", "-sum(one_hot(ids, classes=C) * x) / N"),
    ("ids: N int64; y[i,j:C] = -[j = ids[i]] / N", "-one_hot(ids, classes=C) / N"),
    ("ids: N int64; G: N D; y[v:V,d] = sum[n]([v = ids[n]] * G[n,d])", "one_hot(ids, classes=V).T @ G"),
    ("p: N B O; y[n,o:B*O] = p[n,o//O,o%O]", "reshape(p, N, B * O)"),
    ("G: N (B*O); y[i,j:B,k:O] = G[i,O*j+k]", "reshape(G, N, B, O)"),
    ("d: N B O; w: (B*O) K; y[n,k] = sum[b,o](d[n,b,o] * w[O*b+o,k])", "reshape(d, N, B * O) @ w"),
    ("G: N (B*O); x: N K; y[b:B,o:O,k] = sum[n](G[n,O*b+o] * x[n,k])", "reshape(G.T @ x, B, O, K)"),
]
DISTANCES = [
    ("a: M D; b: N D; y[i,j] = sum[k]((a[i,k] - b[j,k]) ** 2)", "pairwise_squared_distances(a, b)"),
    ("a: M D; b: N D; y[j,i] = sum[k]((a[i,k] - b[j,k]) ** 2)", "pairwise_squared_distances(b, a)"),
    ("X: N D; y[i,j] = exp(-sum[k]((X[i,k] - X[j,k]) ** 2))", "exp(-pairwise_squared_distances(X, X))"),
    (
        "G: M N; a: M D; b: N D; y[i,j] = 2 * sum[q](G[i,q] * (a[i,j] - b[q,j]))",
        "2 * (diag(sum(G, axis=1)) @ a - G @ b)",
    ),
    (
        "T: M N; U: M K; V: N K; y[i,j] = -2 * sum[l](U[l,j] * (T[l,i] - sum[k](U[l,k] * V[i,k])))",
        "-2 * (T - U @ V.T).T @ U",
    ),
    (
        "A: M N; x: N; b: M; y[i] = -mean[k](A[k,i] * (b[k] - sum[j](A[k,j] * x[j])))",
        "-A.T @ (b - A @ x) / M",
    ),
    (
        "x: N 4; w: 1 4; b: 1; t: N 1; d[i,j] = mean[l](x[l,j] * (b[i] + sum[k](w[i,k] * x[l,k]) - t[l,i]))",
        "(x @ w.T + b - t).T @ x / N",
    ),
    ("y: (); d = 1 + 2 * y", "1 + 2 * y"),
]
NONE = [
    "x: N; y[i:N] = sum[j]([i <= j] * x[j])",
    "x: N; y[i:7] = [i = 3] * sum[j](x[j])",
    "x: N; y[i] = x[i] * i",
    "image: N C H W; w: C 3 3; y[n,h:H,v:W] = sum[c,p,q](pad(image[n,c,h+p-1,v+q-1]) * w[c,p,q])",
    "x: N; y[i:N] = x[N-1-i]",
]
FORMS = [
    *(*MATMUL, *BATCHED, *LINEAR, *TRACES, *ELEMENTWISE, *SUMS, *KNOWN, *STYLE, *OPERATIONS),
    *(*SIZED, *REPEATED, *SLICED, *DISTANCES),
]

"""In which settings every operation is tested: sizes 1 and odd sizes, every form, and parameters that matter."""

from __future__ import annotations

from tests.ops.sampling import (
    Case,
    below,
    distinct,
    lattice,
    log_probabilities,
    mask,
    nonzero,
    probabilities,
    settings,
    unit,
)

_BROADCASTING = (
    *settings("M N", (2, 3), (1, 5), (3, 1)),
    *settings("M N", (2, 3), (3, 5), example="x: M 1; y: 1 N"),
    *settings("M N", (2, 3), example="x: (); y: M N"),
    *settings("L M N", (2, 1, 3), example="x: L M N; y: M 1"),
    *settings("M N", (4, 3), example="x: N; y: M N"),
    *settings("M N", (3, 2), example="x: M N; y: M N"),
)
_LOSS_OF_TWO = (
    *settings("M N", (2, 3), (1, 5), (3, 1)),
    *settings("N", (4,), example="prediction: N; target: N"),
    *settings("A B C", (2, 1, 3), example="prediction: A B C; target: A B C"),
    *settings("A B C D", (2, 1, 3, 2), example="prediction: A B C D; target: A B C D"),
)
_OF_ONE = (
    *settings("N", (1,), (5,)),
    *settings("M N", (3, 2), example="x: M N"),
    *settings("", (), example="x: ()"),
)
_ALONG_THE_LAST = (
    *settings("M N", (2, 3), (1, 5), (3, 1)),
    *settings("N", (4,), example="x: N"),
    *settings("L M N", (2, 1, 3), example="x: L M N"),
)
_CELL = settings("N I H", (2, 3, 4), (1, 5, 1), (3, 1, 2))

ELEMENTWISE = {
    "add": Case(_BROADCASTING),
    "sub": Case(_BROADCASTING),
    "mul": Case(_BROADCASTING),
    "div": Case(_BROADCASTING, {"y": nonzero}),
    "dropout": Case(settings("N D", (2, 3), (1, 5), (3, 1), p=0.25) + settings("N D", (2, 2)), {"mask": mask}),
}

LINEAR_ALGEBRA = {
    "matmul": Case(
        (
            *settings("M K N", (2, 3, 4), (1, 5, 1), (3, 1, 2)),
            *settings("K", (1,), (3,), example="a: K; b: K"),
            *settings("M K", (2, 3), example="a: M K; b: K"),
            *settings("B M K", (3, 2, 3), example="a: B M K; b: K"),
            *settings("K N", (3, 2), example="a: K; b: K N"),
            *settings("B K N", (2, 3, 2), example="a: K; b: B K N"),
            *settings("B M K N", (2, 3, 1, 2), example="a: B M K; b: B K N"),
            *settings("A B M K N", (2, 3, 1, 2, 2), example="a: A 1 M K; b: B K N"),
            *settings("B M K N", (2, 3, 2, 1), example="a: B M K; b: K N"),
        )
    ),
    "dot": Case(settings("N", (1,), (3,), (4,))),
    "inner": Case(
        (
            *settings("M N K", (2, 3, 4), (1, 5, 1), (3, 1, 2)),
            *settings("K", (3,), example="a: K; b: K"),
            *settings("M K", (2, 3), example="a: M K; b: K"),
            *settings("N K", (2, 3), example="a: K; b: N K"),
        )
    ),
    "outer": Case(settings("M N", (2, 3), (1, 5), (3, 1))),
    "linear": Case(
        (
            *settings("M infs outfs", (2, 3, 4), (1, 5, 1), (3, 1, 2)),
            *settings("M infs outfs", (2, 3, 2), example="input: M infs; weight: outfs infs"),
            *settings("infs outfs", (3, 2), example="input: infs; weight: outfs infs; bias: outfs"),
            *settings("L M infs outfs", (2, 1, 3, 2), example="input: L M infs; weight: outfs infs; bias: outfs"),
        )
    ),
    "bilinear": Case(
        (
            *settings("N I J O", (2, 3, 2, 4), (1, 1, 5, 1), (3, 2, 1, 2)),
            *settings("N I J O", (2, 3, 2, 2), example="left: N I; right: N J; weight: O I J"),
        )
    ),
    "trace": Case(settings("N", (1,), (3,), (4,))),
    "diag": Case(settings("N", (1,), (3,), (4,)) + settings("N", (1,), (3,), example="a: N N")),
    "diagonal": Case(settings("N", (1,), (3,), (4,)) + settings("B N", (2, 3), example="a: B N N")),
    "transpose": Case(
        settings("M N", (2, 3), (1, 5), (3, 1)) + settings("B M N", (2, 3, 1), example="a: B M N"),
    ),
    "norm": Case(
        (
            *settings("M N", (2, 3), (1, 5), (3, 1)),
            *settings("N", (1,), (4,), example="a: N"),
            *settings("A B C", (2, 1, 3), example="a: A B C"),
            *settings("A B C D", (2, 1, 3, 2), example="a: A B C D"),
        )
    ),
    "cosine_similarity": Case(
        settings("N D", (2, 3), (1, 5), (3, 2)) + settings("D", (3,), example="a: D; b: D"),
    ),
    "pairwise_squared_distances": Case(
        settings("M N D", (2, 3, 4), (1, 5, 1), (3, 1, 2))
        + settings("B M N D", (2, 3, 2, 1), example="a: B M D; b: B N D"),
    ),
    "cumsum": Case(settings("N", (1,), (4,), (5,)) + settings("M N", (2, 3), example="x: M N")),
}

ACTIVATIONS = {
    "softmax": Case(_ALONG_THE_LAST),
    "log_softmax": Case(_ALONG_THE_LAST),
    "logsumexp": Case(_ALONG_THE_LAST),
    "gelu": Case(_OF_ONE),
    "gelu_tanh": Case(_OF_ONE),
    "silu": Case(_OF_ONE),
    "swiglu": Case(settings("M N", (2, 3), (1, 5), (3, 1)) + settings("N", (3,), example="gate: N; x: N")),
    "leaky_relu": Case((*_OF_ONE, *settings("N", (5,), negative_slope=0.2)), {"x": nonzero}),
    "elu": Case((*_OF_ONE, *settings("N", (5,), alpha=1.5)), {"x": nonzero}),
    "log_sigmoid": Case(_OF_ONE),
}

LOSSES = {
    "mse": Case(_LOSS_OF_TWO),
    "squared_error_sum": Case(
        (
            *settings("N", (1,), (3,), (4,)),
            *settings("M N", (2, 3), example="prediction: M N; target: M N"),
            *_LOSS_OF_TWO[4:],
        )
    ),
    "mae": Case(_LOSS_OF_TWO, {"prediction": lattice(0.1), "target": lattice(0.0)}),
    "huber": Case(
        (*_LOSS_OF_TWO, *settings("M N", (3, 5), delta=0.75), *settings("M N", (3, 4), delta=0.25)),
        {"prediction": lattice(0.1), "target": lattice(0.0)},
    ),
    "cross_entropy": Case(
        settings("N C", (2, 3), (1, 5), (3, 1), (4, 3)) + settings("N C", (2, 3), (3, 4), label_smoothing=0.1),
        {"target": below("C")},
    ),
    "cross_entropy_probabilities": Case(
        settings("N C", (2, 3), (1, 5), (3, 1)) + settings("N C", (2, 3), (3, 4), label_smoothing=0.1),
        {"target": probabilities},
    ),
    "nll": Case(settings("N C", (2, 3), (1, 5), (3, 1)), {"logp": log_probabilities, "target": below("C")}),
    "binary_cross_entropy_with_logits": Case(
        (
            *settings("N", (1,), (3,), (4,)),
            *settings("M N", (2, 3), example="x: M N; target: M N"),
            *settings("A B C", (2, 1, 3), example="x: A B C; target: A B C"),
            *settings("A B C D", (2, 1, 3, 2), example="x: A B C D; target: A B C D"),
        ),
        {"target": unit},
    ),
    "kl_divergence": Case(
        settings("N C", (2, 3), (1, 5), (3, 1)),
        {"logq": log_probabilities, "p": probabilities},
    ),
}

NORMALISATION = {
    "layer_norm": Case(
        (
            *settings("N D", (2, 3), (1, 5), (3, 2)),
            *settings("N D", (2, 3), example="x: N D; weight: D"),
            *settings("N D", (2, 3), example="x: N D"),
            *settings("D", (4,), eps=1e-3, example="x: D; weight: D; bias: D"),
            *settings("M N D", (2, 1, 3), example="x: M N D; weight: D; bias: D"),
        )
    ),
    "rms_norm": Case(
        (
            *settings("N D", (2, 3), (1, 5), (3, 1)),
            *settings("N D", (2, 3), example="x: N D"),
            *settings("M N D", (2, 1, 3), eps=1e-3, example="x: M N D; weight: D"),
        )
    ),
    "batch_norm": Case(
        (
            *settings("N C", (2, 3), (5, 1), (3, 2)),
            *settings("N C", (3, 2), example="x: N C"),
            *settings("N C L", (2, 1, 3), example="x: N C L; weight: C; bias: C"),
            *settings("N C L", (2, 1, 3), example="x: N C L"),
            *settings("N C H W", (1, 2, 3, 2), eps=1e-3, example="x: N C H W; weight: C; bias: C"),
            *settings("N C H W", (2, 1, 1, 3), example="x: N C H W"),
        )
    ),
    "group_norm": Case(
        (
            *settings("N S H W", (2, 1, 3, 2), (1, 3, 1, 2), groups=2),
            *settings("N C H W", (2, 3, 1, 2), example="x: N C H W; weight: C; bias: C"),
            *settings("N C L", (1, 6, 2), groups=3, example="x: N C L; weight: C; bias: C"),
            *settings("N C", (2, 6), groups=2, eps=1e-3, example="x: N C; weight: C; bias: C"),
            *settings("N C H W", (1, 4, 1, 2), groups=2, example="x: N C H W"),
            *settings("N C L", (2, 2, 3), groups=2, example="x: N C L"),
            *settings("N C", (2, 4), groups=2, example="x: N C"),
        )
    ),
}

ATTENTION = {
    "attention": Case(
        (
            *settings("N M D E", (2, 3, 4, 2), (1, 5, 1, 3), (3, 1, 2, 1)),
            *settings("H N M D E", (2, 3, 2, 2, 1), example="Q: H N D; K: H M D; V: H M E"),
            *settings("B H N D", (2, 1, 3, 2), example="Q: B H N D; K: B H N D; V: B H N D"),
        )
    ),
    "causal_attention": Case(
        (
            *settings("N D E", (3, 4, 2), (1, 5, 1), (5, 1, 3)),
            *settings("N M D E", (2, 4, 2, 1), (4, 2, 1, 2), example="Q: N D; K: M D; V: M E"),
            *settings("B H N D", (2, 1, 3, 2), example="Q: B H N D; K: B H N D; V: B H N D"),
        )
    ),
    "rotary_embedding": Case(
        settings("N F", (2, 3), (1, 1), (3, 2))
        + settings("B H N F", (1, 2, 3, 2), example="x: B H N (2*F); angle: N F")
    ),
}

INDEXING = {
    "embedding": Case(
        (
            *settings("N V D", (4, 3, 2), (1, 5, 1), (3, 1, 3)),
            *settings("M N V D", (2, 3, 4, 2), example="ids: M N int64; table: V D"),
            *settings("V D", (4, 2), example="ids: () int64; table: V D"),
        ),
        {"ids": below("V")},
    ),
    "one_hot": Case(
        (
            *settings("N", (1,), (4,), (5,), classes=5),
            *settings("M N", (2, 3), classes=6, example="ids: M N int64"),
            *settings("N", (3,)),
        ),
        {"ids": below(5)},
    ),
}

_GROUPED1D = "signal: N (2*C) W; weight: (2*K) C Q; bias: (2*K)"
_GROUPED2D = "image: N (3*C) H W; weight: (3*K) C P Q; bias: (3*K)"
_NO_BIAS = "image: N C H W; weight: O C P Q"
CONVOLUTION = {
    "conv1d": Case(
        (
            *settings("N C W O Q", (2, 3, 5, 2, 3), (1, 1, 4, 1, 1), (3, 2, 3, 1, 3)),
            *settings("N C W O Q", (1, 2, 5, 2, 3), stride=2, padding=1, dilation=2),
            *settings("N C W O Q", (1, 2, 4, 2, 3), padding=2, example="signal: N C W; weight: O C Q"),
            *settings("N C K W Q", (2, 1, 2, 4, 2), (1, 3, 1, 5, 3), groups=2, example=_GROUPED1D),
        )
    ),
    "conv2d": Case(
        (
            *settings("N C H W O P Q", (2, 1, 4, 3, 2, 3, 2), (1, 2, 3, 5, 1, 1, 3), (1, 1, 1, 1, 1, 1, 1)),
            *settings("N C H W O P Q", (1, 2, 5, 4, 2, 3, 3), stride=2, padding=1),
            *settings("N C H W O P Q", (1, 1, 6, 5, 2, 2, 3), stride=3, padding=2, dilation=2),
            *settings("N C H W O P Q", (1, 2, 3, 4, 1, 2, 2), example="image: N C H W; weight: O C P Q"),
            *settings("N C K H W P Q", (1, 2, 1, 3, 4, 2, 2), groups=3, stride=2, padding=1, example=_GROUPED2D),
        )
    ),
    "conv2d_rectangular": Case(
        (
            *settings("N C H W O P Q", (2, 1, 4, 3, 2, 3, 2), (1, 2, 3, 5, 1, 1, 3), (1, 1, 1, 1, 1, 1, 1)),
            *settings("N C H W O P Q", (1, 2, 5, 4, 2, 3, 2), stride_y=2, padding_y=1, padding_x=2),
            *settings("N C H W O P Q", (1, 1, 4, 6, 2, 2, 3), stride_x=2, dilation_y=2, example=_NO_BIAS),
            *settings("N C K H W P Q", (1, 2, 1, 3, 4, 2, 2), groups=3, dilation_x=2, example=_GROUPED2D),
        )
    ),
    "conv_transpose1d": Case(
        (
            *settings("N C W O Q", (2, 3, 3, 2, 3), (1, 1, 4, 1, 1), (1, 2, 1, 3, 2)),
            *settings("N C W O Q", (1, 2, 3, 2, 3), stride=2, padding=1, output_padding=1),
            *settings("N C W O Q", (1, 2, 3, 1, 3), stride=3, dilation=2, example="signal: N C W; weight: C O Q"),
        )
    ),
    "conv_transpose2d": Case(
        (
            *settings("N C H W O P Q", (1, 2, 2, 3, 2, 3, 2), (2, 1, 1, 3, 1, 2, 1), (1, 1, 1, 1, 3, 1, 1)),
            *settings("N C H W O P Q", (1, 2, 3, 2, 1, 3, 3), stride=2, padding=1, output_padding=1),
            *settings("N C H W O P Q", (1, 1, 2, 2, 2, 2, 2), dilation=2, example="image: N C H W; weight: C O P Q"),
        )
    ),
    "avg_pool2d": Case(
        (
            *settings("N C H W", (2, 1, 4, 5), (1, 3, 2, 2), (1, 2, 3, 5)),
            *settings("N C H W", (1, 2, 5, 4), size=3, stride=2, padding=1),
            *settings("C H W", (1, 3, 3), size=2, stride=1, example="image: C H W"),
            *settings("N C H W", (1, 1, 3, 4), size=1, stride=1),
        )
    ),
    "max_pool2d": Case(
        (
            *settings("N C H W", (2, 1, 4, 5), (1, 3, 2, 2), (1, 2, 3, 5)),
            *settings("N C H W", (1, 2, 5, 4), size=3, stride=2, padding=1),
            *settings("C H W", (1, 3, 3), size=2, stride=1, example="image: C H W"),
        ),
        {"image": distinct},
    ),
    "avg_pool2d_rectangular": Case(
        (
            *settings("N C H W", (2, 1, 4, 5), (1, 3, 2, 2), (1, 2, 3, 5)),
            *settings("N C H W", (1, 2, 5, 4), size_y=3, stride_x=1, padding_y=1),
            *settings("C H W", (1, 3, 4), size_x=3, stride_y=1, padding_x=1, example="image: C H W"),
        )
    ),
    "max_pool2d_rectangular": Case(
        (
            *settings("N C H W", (2, 1, 4, 5), (1, 3, 2, 2), (1, 2, 3, 5)),
            *settings("N C H W", (1, 2, 5, 4), size_y=3, stride_x=1, padding_y=1, dilation_x=2),
            *settings("C H W", (1, 5, 4), size_x=3, stride_y=1, padding_x=1, dilation_y=2, example="image: C H W"),
        ),
        {"image": distinct},
    ),
}

MODELS = {
    "lora_linear": Case(
        (
            *settings("M infs outfs R", (2, 3, 4, 2), (1, 5, 1, 1), (3, 1, 2, 3), alpha=2),
            *settings(
                "M infs outfs R", (2, 3, 2, 2), example="input: M infs; weight: outfs infs; A: R infs; B: outfs R"
            ),
            *settings(
                "L M I O R", (2, 1, 3, 2, 2), example="input: L M I; weight: O I; A: R I; B: O R; bias: O", alpha=0.5
            ),
        )
    ),
    "column_parallel_linear": Case(settings("N I B O", (2, 3, 2, 2), (1, 5, 1, 3), (3, 1, 4, 1))),
    "row_parallel_linear": Case(settings("N I B O", (2, 3, 2, 2), (1, 5, 1, 3), (3, 1, 4, 1))),
    "matrix_factorisation_loss": Case(
        settings("M N K", (3, 4, 2), (1, 5, 1), (3, 1, 2))
        + settings("M N K", (3, 4, 2), example="T: M N; U: M K; V: N K; mask: M N"),
        {"mask": mask},
    ),
    "logistic_regression_loss": Case(
        settings("N D", (4, 3), (1, 5), (3, 1)) + settings("N D", (4, 3), example="input: N D; weight: D; target: N"),
        {"target": mask},
    ),
    "rnn_cell": Case(_CELL),
    "lstm_cell": Case(_CELL),
    "gru_cell": Case(_CELL),
}

CASES: dict[str, Case] = {
    **ELEMENTWISE,
    **LINEAR_ALGEBRA,
    **ACTIVATIONS,
    **LOSSES,
    **NORMALISATION,
    **ATTENTION,
    **INDEXING,
    **CONVOLUTION,
    **MODELS,
}

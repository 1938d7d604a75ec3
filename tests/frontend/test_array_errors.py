"""What symbolic arrays refuse, and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from covector.errors import CovectorError, NotationError, ShapeError
from covector.frontend import functions
from covector.frontend.functions import NAMESPACE
from covector.frontend.lazy import TraceError
from tests.frontend.values import arrays_named

f = functions

ERRORS: list[tuple[dict[str, str], Callable[..., Any], type[CovectorError], str]] = [
    (
        {"x": "2 2", "y": "2 3"},
        lambda x, y: x + y,
        ShapeError,
        "The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 1\n"
        "  hint: add of x: 2×2, y: 2×3",
    ),
    (
        {"x": "M 3", "y": "N 3"},
        lambda x, y: (x + 1) * y,
        ShapeError,
        "The size of tensor a (M) must match the size of tensor b (N) at non-singleton dimension 0\n"
        "  hint: mul of an expression: M×3, y: N×3",
    ),
    (
        {"input": "M infs", "weight": "outfs infs"},
        lambda input, weight: input @ weight,
        ShapeError,
        "mat1 and mat2 shapes cannot be multiplied (M×infs and outfs×infs)\n  hint: input @ weight.T would fit",
    ),
    (
        {"a": "K M", "b": "K N"},
        lambda a, b: a @ b,
        ShapeError,
        "mat1 and mat2 shapes cannot be multiplied (K×M and K×N)\n  hint: a.T @ b would fit",
    ),
    (
        {"a": "K M", "b": "N K"},
        lambda a, b: a @ b,
        ShapeError,
        "mat1 and mat2 shapes cannot be multiplied (K×M and N×K)\n  hint: b @ a would fit",
    ),
    (
        {"a": "3", "b": "4"},
        lambda a, b: a @ b,
        ShapeError,
        "inconsistent tensor size, expected tensor [3] and src [4] to have the same number of elements, "
        "but got 3 and 4 elements respectively",
    ),
    (
        {"a": "", "b": "4"},
        lambda a, b: a @ b,
        ShapeError,
        "matmul takes no scalar (a: (), b: 4)\n  hint: a product with a number is written *",
    ),
    (
        {"a": "2 3 4", "b": "5 4 3"},
        lambda a, b: a @ b,
        ShapeError,
        "The size of tensor a (2) must match the size of tensor b (5) at non-singleton dimension 0\n"
        "  hint: matmul of a: 2×3×4, b: 5×4×3: the leading axes must broadcast",
    ),
    (
        {"x": "M N"},
        lambda x: f.sum(x, axis=2),
        ShapeError,
        "sum: axis 2 is out of range for x: M×N, which has 2 axes",
    ),
    ({"x": "M N"}, lambda x: f.sum(x, axis=(0, 0)), ShapeError, "sum: an axis is named twice in (0, 0)"),
    ({"x": "M N"}, lambda x: f.max(x, axis=1.5), TraceError, "max: an axis is an integer, not float 1.5"),
    (
        {"x": "M N"},
        lambda x: f.transpose(x, (0,)),
        ShapeError,
        "transpose: (0,) does not name each axis of x: M×N once",
    ),
    ({"x": "M N"}, lambda x: f.squeeze(x, 1), ShapeError, "squeeze: axis 1 of x: M×N has extent N, not 1"),
    (
        {"x": "M N"},
        lambda x: f.reshape(x, (3, 4)),
        ShapeError,
        "reshape: x: M×N cannot take the shape 3×4\n  hint: it has M*N elements, and 3×4 has 12",
    ),
    (
        {"x": "2 3"},
        lambda x: f.reshape(x, (-1, 4)),
        ShapeError,
        "reshape: x: 2×3 cannot take the shape -1×4\n  hint: it has 6 elements, which are not a multiple of 4",
    ),
    (
        {"x": "2 3"},
        lambda x: f.reshape(x, (-1, -1)),
        ShapeError,
        "reshape: -1×-1 is no shape: one extent may be -1, the others are not negative",
    ),
    (
        {"a": "M K", "b": "N K"},
        lambda a, b: f.einsum("ij,jk->ik", a, b),
        ShapeError,
        "einsum: 'j' in 'ij,jk->ik' is K and N\n  hint: a: M×K, b: N×K",
    ),
    ({"a": "M"}, lambda a: f.einsum("ij->i", a), ShapeError, "einsum: 'ij' in 'ij->i' does not fit a: M"),
    ({"a": "M"}, lambda a: f.einsum("i,i", a), ShapeError, "einsum: 'i,i' names 2 operands, and 1 are given"),
    (
        {"a": "M"},
        lambda a: f.einsum("i->j", a),
        NotationError,
        "einsum: the output of 'i->j' has 'j', which no operand has",
    ),
    ({"a": "M"}, lambda a: f.einsum("i->ii", a), NotationError, "einsum: the output of 'i->ii' has 'i' twice"),
    (
        {"a": "M"},
        lambda a: f.einsum("i1->i", a),
        NotationError,
        "einsum: 'i1->i' holds '1'\n  hint: an equation is made of letters, '...', ',' and '->'",
    ),
    (
        {"a": "M"},
        lambda a: f.einsum(a, a),
        NotationError,
        'einsum takes an equation first, not Array\n  hint: as in einsum("ij,jk->ik", a, b)',
    ),
    (
        {"x": "M"},
        lambda x: NAMESPACE["mse"](x, x, x),
        TraceError,
        "mse takes the arrays prediction, target, and 3 are given",
    ),
    (
        {"x": "M"},
        lambda x: NAMESPACE["softmax"](x, dim=0),
        NotationError,
        "softmax has no parameter 'dim'\n  hint: did you mean 'axis'?",
    ),
    (
        {"x": "M N", "y": "K"},
        lambda x, y: NAMESPACE["layer_norm"](x, y, y),
        ShapeError,
        "",
    ),
    ({"x": "M"}, lambda x: NAMESPACE["exp"](x, x), TraceError, "exp takes 1 argument, and 2 are given"),
    ({"x": "M"}, lambda x: NAMESPACE["exp"](1), TraceError, "exp takes at least one array, and was given only numbers"),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors_say_what_is_wrong(case: int) -> None:
    shapes, function, kind, text = ERRORS[case]
    with pytest.raises(kind) as caught:
        function(*arrays_named(**shapes))
    assert str(caught.value) == text or not text


def test_an_array_without_values_says_so() -> None:
    (x,) = arrays_named(x="M 3")
    questions: dict[str, Callable[[], Any]] = {
        "the truth of a symbolic array is not known: its values are not known while a program is traced\n"
        "  hint: branch on values with select(condition, a, b) (or where), which takes both branches": lambda: bool(
            x > 0
        ),
        "a symbolic array cannot be iterated over\n"
        "  hint: write the loop as an operation on whole arrays: a sum, a product, or einsum": lambda: list(x),
        "a symbolic array has no value: its values are not known while a program is traced\n"
        "  hint: use operations of covector or numpy on whole arrays; constants are plain numbers": lambda: np.asarray(
            x
        ),
        "a symbolic array cannot be subscripted\n"
        "  hint: write the element form, as in y[i] = x[i, 0]; for diagonals and transposes, einsum": lambda: x[0],
        "a NumPy array of shape (3,) cannot stand in a symbolic program\n"
        "  hint: make it an input: a parameter of the function, with its shape": lambda: np.ones(3) * x,
        "expected an array or a number, not str 'a'": lambda: x + "a",
        "the length is the symbol M, not a number\n"
        "  hint: x.shape[0] is the extent itself, with which can be computed": lambda: len(x),
        "the extent M is a symbol, not a number\n"
        "  hint: M can be computed with; where a number is needed, say it in the shapes": lambda: range(x.shape[0]),
    }
    for text, question in questions.items():
        with pytest.raises(TraceError) as caught:
            question()
        assert str(caught.value) == text
    with pytest.raises(AttributeError, match=r"has no attribute 'sume' \(did you mean 'sum'\?\)"):
        x.sume()
    assert len(x.T) == 3


def test_arrays_of_two_traces_do_not_mix() -> None:
    (x,), (y,) = arrays_named(x="M"), arrays_named(y="M")
    with pytest.raises(TraceError, match="arrays of two different traces meet in one expression"):
        _ = x + y

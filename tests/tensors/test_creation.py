"""Making tensors, looking at them, printing them, random numbers, and the names that covector offers."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch

import covector as cv
from covector.errors import CovectorError, DtypeError, ShapeError
from covector.tensors.namespace import FUNCTIONS, PUBLIC

VALUES: dict[str, Any] = {
    "float": 2.5,
    "int": 3,
    "bool": True,
    "floats": [1.0, 2.0],
    "mixed": [[1, 2.5], [3, 4]],
    "ints": [[1, 2], [3, 4]],
    "bools": [True, False],
    "empty": [],
}


@pytest.mark.parametrize("name", VALUES)
def test_values_have_the_dtype_that_pytorch_gives(name: str) -> None:
    found, wanted = cv.tensor(VALUES[name]), torch.tensor(VALUES[name])
    assert found.shape == tuple(wanted.shape)
    assert str(found.dtype) == str(wanted.dtype).removeprefix("torch.")
    assert np.array_equal(found.numpy(), wanted.numpy())


def test_arrays_keep_their_dtype_and_are_copied() -> None:
    array = np.arange(3.0)
    made = cv.tensor(array)
    array[0] = 9
    assert made.tolist() == [0, 1, 2]
    assert made.dtype == cv.float64
    assert cv.asarray(array)._node.data is array
    assert cv.tensor(np.arange(3, dtype=np.uint8)).dtype == cv.int32
    with pytest.raises(DtypeError, match="no dtype 'complex128'"):
        cv.tensor(np.ones(2, complex))
    with pytest.raises(DtypeError, match="did you mean 'float32'"):
        cv.ones(2, dtype="flaot32")


def test_filled_and_counted() -> None:
    assert cv.zeros(2, 3).shape == cv.zeros((2, 3)).shape == (2, 3)
    assert cv.full((2,), 1.5).tolist() == [1.5, 1.5]
    assert cv.full((), 3).dtype == cv.int64
    x = cv.ones(2, dtype=cv.float64)
    for like in (cv.zeros_like(x), cv.ones_like(x), cv.empty_like(x), cv.full_like(x, 2)):
        assert (like.shape, like.dtype) == ((2,), cv.float64)
    assert cv.arange(2, 8, 3).tolist() == [2, 5]
    assert cv.arange(0, 1, 0.25).dtype == cv.float32
    assert np.allclose(cv.linspace(1, 2, 5).numpy(), np.linspace(1, 2, 5))
    assert cv.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert cv.tensor([cv.tensor(1.0), cv.tensor(2.0)]).tolist() == [1, 2]


def test_other_libraries_see_the_memory() -> None:
    x = cv.arange(4) * 2
    assert torch.from_dlpack(x).tolist() == [0, 2, 4, 6]
    assert np.shares_memory(np.from_dlpack(x), x.numpy())
    assert np.asarray(x).tolist() == [0, 2, 4, 6]
    assert cv.asarray(torch.arange(3)).tolist() == [0, 1, 2]
    assert not x.numpy().flags.writeable
    assert np.array(x, dtype=np.float32).dtype == np.float32


def test_arrays_and_numbers_of_numpy_are_operands() -> None:
    x = cv.ones(2)
    for result in (np.ones(2, np.float32) + x, np.float64(1) + x, x + np.float32(1), x + np.ones(2, np.float32)):
        assert isinstance(result, cv.Tensor)
        assert (result.tolist(), result.dtype) == ([2, 2], cv.float32)
    with pytest.raises(TypeError):
        x + "a"


def test_numbers_of_python() -> None:
    x = cv.tensor([2.5])
    assert (float(x), int(x), bool(x), x.item()) == (2.5, 2, True, 2.5)
    assert [10, 20, 30][cv.tensor(1)] == 20
    assert len(cv.zeros(3, 2)) == 3
    assert [row.tolist() for row in cv.arange(4).reshape(2, 2)] == [[0, 1], [2, 3]]
    assert {x: 1}[x] == 1
    with pytest.raises(TypeError, match="only integer tensors"):
        [1][cv.tensor(0.0)]


PRINTED: list[Any] = [
    torch.tensor([1.0, 2.0]),
    torch.tensor([[1.5, -2.25], [3, 4]]),
    torch.tensor([1, 20, -3]),
    torch.tensor([True, False]),
    torch.tensor(3.5),
    torch.tensor(7),
    torch.tensor([]),
    torch.zeros(2, 0),
    torch.tensor([1e-5, 1.0]),
    torch.tensor([float("nan"), float("inf"), 1.0]),
    torch.tensor([1.0, 2.5], dtype=torch.float64),
    torch.tensor([1e10, 1.0]),
    torch.arange(24.0).reshape(2, 3, 4),
    torch.tensor([1.0], requires_grad=True),
]


@pytest.mark.parametrize("tensor", PRINTED, ids=repr)
def test_tensors_print_as_in_pytorch(tensor: torch.Tensor) -> None:
    mine = cv.tensor(tensor.detach().numpy(), requires_grad=tensor.requires_grad)
    assert repr(mine) == repr(tensor).replace("torch.", "covector.")


def test_long_tensors_are_shortened() -> None:
    assert repr(cv.arange(2000)) == "tensor([   0,    1,    2, ..., 1997, 1998, 1999])"
    assert "grad_fn=<mul>" in repr(cv.ones(2, requires_grad=True) * 2)


def test_updates_in_place() -> None:
    x = cv.ones(3)
    held = x.detach()
    x += 1
    x *= 3
    x.sub_(cv.ones(3), alpha=2)
    assert (x.tolist(), held.tolist()) == ([4, 4, 4], [1, 1, 1])
    assert x.fill_(2).tolist() == [2, 2, 2]
    assert x.zero_().tolist() == [0, 0, 0]
    with pytest.raises(DtypeError, match="can't be cast to the desired output type int64"):
        cv.arange(3).add_(0.5)
    with pytest.raises(ShapeError, match="doesn't match the broadcast shape"):
        x += cv.ones(2, 3)


@pytest.mark.parametrize("name", ["floor", "ceil", "round"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rounding(name: str, dtype: str) -> None:
    x = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.3, -0.7, 3.0, 1e20, -1e7], dtype)
    assert np.array_equal(getattr(cv.tensor(x), name)().numpy(), getattr(torch.tensor(x), name)().numpy())


@pytest.mark.parametrize("dtype", ["int64", "float64"])
def test_whole_quotients_and_remainders(dtype: str) -> None:
    a, b = np.array([7, -7, 5, -5]).astype(dtype), np.array([2, 2, -3, 3]).astype(dtype)
    for operation in (lambda a, b: a // b, lambda a, b: a % b):
        found, wanted = operation(cv.tensor(a), cv.tensor(b)), operation(torch.tensor(a), torch.tensor(b))
        assert found.tolist() == wanted.tolist()
        assert str(found.dtype) == dtype
    x = cv.tensor([7.5], requires_grad=True)
    (x % 2).backward()
    assert x.grad.item() == 1  # type: ignore[union-attr]


def test_devices() -> None:
    x = cv.ones(1)
    assert x.device == "cpu"
    assert x.to("cpu") is x
    with pytest.raises(CovectorError, match="there is no device 'cuda:0'"):
        x.to("cuda:0")


DRAWS: dict[str, Any] = {
    "normal": lambda g: cv.random.normal((4000,), 2, 3, generator=g),
    "uniform": lambda g: cv.random.uniform((4000,), -1, 3, generator=g),
    "integers": lambda g: cv.random.integers(2, 9, (4000,), generator=g),
    "bernoulli": lambda g: cv.random.bernoulli(0.3, (4000,), generator=g),
    "permutation": lambda g: cv.random.permutation(50, generator=g),
    "randn": lambda g: cv.random.randn(2, 3, dtype="float64", generator=g),
}
MOMENTS = {"normal": (2, 3), "uniform": (1, 4 / 12**0.5), "integers": (5, 2), "bernoulli": (0.3, 0.21**0.5)}


@pytest.mark.parametrize("name", DRAWS)
def test_random_numbers(name: str) -> None:
    first, second = (DRAWS[name](cv.random.Generator(5)).numpy() for _ in range(2))
    assert np.array_equal(first, second), "equal seeds give equal draws"
    source = cv.random.Generator(5)
    DRAWS[name](source)
    state = source.get_state()
    again = DRAWS[name](source).numpy()
    assert not np.array_equal(first, again)
    source.set_state(state)
    assert np.array_equal(DRAWS[name](source).numpy(), again)
    if name in MOMENTS:
        mean, deviation = MOMENTS[name]
        assert abs(first.mean() - mean) < 0.2
        assert abs(first.std() - deviation) < 0.1


def test_the_default_generator_is_seeded() -> None:
    cv.random.manual_seed(1)
    first = cv.random.rand(3).tolist()
    cv.random.manual_seed(1)
    assert cv.random.rand(3).tolist() == first
    with pytest.raises(ShapeError, match="a probability is from 0 to 1"):
        cv.random.bernoulli(1.5)


def test_every_name_is_there() -> None:
    for name in cv.__all__:
        assert getattr(cv, name) is not None
    assert set(PUBLIC) <= set(cv.__all__), "a function that covector does not list"
    for name in FUNCTIONS:
        assert hasattr(cv.Tensor, name)
        assert FUNCTIONS[name].__doc__


def test_importing_covector_loads_little() -> None:
    script = "import sys, covector; print([m for m in ('numpy', 'llvmlite', 'lark') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"

"""Modules: what they hold and how it is named, their state, and what is shown of them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import nn
from covector.errors import CovectorError, ShapeError, StateError


class Net(nn.Module):
    """Parameters, buffers, modules, a shared weight and a list, for every question below."""

    def __init__(self) -> None:
        self.scale = nn.Parameter([1.0])
        self.register_buffer("mean", cv.zeros(2))
        self.register_buffer("cache", cv.zeros(3), persistent=False)
        self.first = nn.Linear(2, 3)
        self.again = self.first
        self.blocks = nn.ModuleList([nn.Linear(3, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 1))])
        self.names = ["not", "a", "module"]

    def forward(self, x: cv.Tensor) -> cv.Tensor:
        x = self.again(x - self.mean) * self.scale
        for block in self.blocks:
            x = block(x)
        return x


NAMES = [
    *("scale", "first.weight", "first.bias", "blocks.0.weight", "blocks.0.bias"),
    *("blocks.1.1.weight", "blocks.1.1.bias"),
]


def test_parameters_come_once_in_the_order_in_which_they_were_set() -> None:
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert len(list(net.parameters())) == len(NAMES)
    assert [name for name, _ in net.named_parameters(recurse=False)] == ["scale"]
    assert next(net.named_parameters(prefix="net"))[0] == "net.scale"


def test_buffers_modules_and_children() -> None:
    net = Net()
    assert [name for name, _ in net.named_buffers()] == ["mean", "cache"]
    assert [name for name, _ in net.named_children()] == ["first", "blocks"]
    modules = ["", "first", "blocks", "blocks.0", "blocks.1", "blocks.1.0", "blocks.1.1"]
    assert [name for name, _ in net.named_modules()] == modules
    assert net.get_submodule("blocks.1.0") is net.blocks[1][0]
    with pytest.raises(CovectorError, match=r"did you mean 'blocks\.1\.1'"):
        net.get_submodule("blocks.1.l")


def test_train_and_eval_reach_every_module() -> None:
    net = Net().eval()
    assert not any(module.training for module in net.modules())
    assert all(module.training for module in net.train().modules())


def test_apply_visits_children_first() -> None:
    seen: list[nn.Module] = []
    net = Net()
    net.apply(seen.append)
    assert seen[-1] is net
    assert seen.index(net.blocks[0]) < seen.index(net.blocks)


def test_gradients_reach_every_parameter_and_are_forgotten() -> None:
    net = Net()
    net(cv.ones(4, 2)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(not parameter.grad.numpy().any() for parameter in net.parameters())
    net.zero_grad()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_requires_grad_() -> None:
    net = Net().requires_grad_(False)
    assert not net(cv.ones(4, 2)).requires_grad
    assert all(parameter.requires_grad for parameter in net.requires_grad_().parameters())


def test_dtypes() -> None:
    net = Net().double()
    assert {tensor.dtype for tensor in (*net.parameters(), *net.buffers())} == {"float64"}
    net(cv.ones(4, 2, dtype="float64")).sum().backward()
    assert net.scale.grad.dtype == "float64"
    assert {tensor.dtype for tensor in net.float().parameters()} == {"float32"}
    assert nn.BatchNorm1d(2).double().num_batches_tracked.dtype == "int64"


def test_the_state_names_shared_weights_twice_and_leaves_out_what_is_not_persistent() -> None:
    names = ["scale", "mean", "first.weight", "first.bias", "again.weight", "again.bias", *NAMES[3:]]
    assert list(Net().state_dict()) == names


def test_a_state_is_not_changed_by_training() -> None:
    net = Net()
    state = net.state_dict()
    before = state["scale"].numpy().copy()
    optimizer = cv.optim.SGD(net.parameters(), lr=0.5)
    for _ in range(2):
        optimizer.zero_grad()
        net(cv.ones(4, 2)).sum().backward()
        optimizer.step()
    assert net.scale.item() != before.item()
    np.testing.assert_array_equal(state["scale"].numpy(), before)


def test_a_state_goes_from_one_model_to_another() -> None:
    one, other = Net(), Net()
    x = cv.random.normal((4, 2))
    assert other.load_state_dict(one.state_dict()) == ([], [])
    np.testing.assert_array_equal(one(x).numpy(), other(x).numpy())
    assert other.scale.requires_grad
    assert isinstance(other.scale, nn.Parameter)


def test_a_state_that_does_not_fit_is_told_whole_and_changes_nothing() -> None:
    net = Net()
    state: dict[str, Any] = net.state_dict()
    del state["scale"], state["first.bias"]
    state |= {"scales": cv.ones(1), "extra": cv.ones(1), "mean": cv.ones(5), "first.weight": cv.ones(3, 2)}
    state["again.weight"] = state["first.weight"]
    before = net.first.weight.numpy().copy()
    with pytest.raises(StateError) as error:
        net.load_state_dict(state)
    assert error.value.message.splitlines() == [
        "the state dict does not fit Net:",
        "  missing keys: 'scale' (is it 'scales'?), 'first.bias'",
        "  unexpected keys: 'scales' (is it 'scale'?), 'extra'",
        "  mean has the shape (5,) in the state dict, and (2,) in the module",
    ]
    np.testing.assert_array_equal(net.first.weight.numpy(), before)
    with pytest.raises(StateError, match=r"mean has the shape \(5,\)"):
        net.load_state_dict(state, strict=False)
    del state["mean"]
    assert net.load_state_dict(state, strict=False) == (["scale", "mean", "first.bias"], ["scales", "extra"])
    assert net.first.weight.numpy().sum() == 6


def test_a_state_is_converted_to_the_dtypes_of_the_module() -> None:
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.ones((1, 2)), "bias": np.array([2])})
    assert (layer.weight.dtype, layer.bias.tolist()) == ("float32", [2.0])


def test_a_copy_is_apart() -> None:
    net = Net()
    twin = copy.deepcopy(net)
    with cv.no_grad():
        twin.scale.copy_(cv.tensor([7.0]))
    assert (net.scale.item(), twin.scale.item()) == (1.0, 7.0)
    assert [name for name, _ in twin.named_parameters()] == NAMES
    assert twin.again is twin.first


def test_a_plain_tensor_does_not_take_the_place_of_a_parameter() -> None:
    net = Net()
    with pytest.raises(TypeError, match=r"Net.scale is a parameter(.|\n)*module.scale.data"):
        net.scale = cv.ones(1)
    net.scale = nn.Parameter([2.0])
    net.scale = None
    assert "scale" not in dict(net.named_parameters())


def test_names_that_cannot_be() -> None:
    net = Net()
    for act, text in (
        (lambda: net.register_buffer("a.b", cv.ones(1)), "'a.b' .* is dotted"),
        (lambda: net.register_parameter("", None), "is empty"),
        (lambda: net.add_module("forward", nn.Identity()), "already has an attribute 'forward'"),
    ):
        with pytest.raises(CovectorError, match=text):
            act()


def test_a_module_without_forward_says_so() -> None:
    class Empty(nn.Module):
        pass

    with pytest.raises(CovectorError, match=r"Empty has no forward(.|\n)*define Empty.forward"):
        Empty()(1)


def test_the_repr_nests() -> None:
    assert repr(Net()) == (
        "Net(\n"
        "  (first): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (again): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (blocks): ModuleList(\n"
        "    (0): Linear(in_features=3, out_features=3, bias=True)\n"
        "    (1): Sequential(\n"
        "      (0): ReLU()\n"
        "      (1): Linear(in_features=3, out_features=1, bias=True)\n"
        "    )\n"
        "  )\n"
        ")"
    )


def test_sequential_is_a_sequence() -> None:
    model = nn.Sequential({"first": nn.Linear(2, 2), "act": nn.Tanh()}).append(nn.Linear(2, 1))
    assert [name for name, _ in model.named_children()] == ["first", "act", "2"]
    assert (len(model), type(model[-1]).__name__, len(model[1:])) == (3, "Linear", 2)
    model[1] = nn.ReLU()
    assert [type(module).__name__ for module in model] == ["Linear", "ReLU", "Linear"]
    with pytest.raises(IndexError, match="has 3 modules, and number 3"):
        model[3]


def test_module_dict_is_a_mapping() -> None:
    heads = nn.ModuleDict({"a": nn.Linear(2, 1)})
    heads["b"] = nn.Identity()
    heads["b"] = nn.Tanh()
    assert (list(heads), len(heads), "b" in heads, "c" in heads) == (["a", "b"], 2, True, False)
    assert [name for name, _ in heads.items()] == heads.keys()
    assert heads.values()[1] is heads["b"]
    with pytest.raises(CovectorError, match=r"has no module 'c'(.|\n)*it has: a, b"):
        heads["c"]


@pytest.mark.parametrize(
    "make", [nn.Sequential, lambda entry: nn.ModuleList([entry]), lambda e: nn.ModuleDict({"a": e})]
)
def test_containers_hold_modules_alone(make: Any) -> None:
    with pytest.raises(CovectorError, match=r"ReLU(.|\n)*ReLU\(\)"):
        make(nn.ReLU)
    with pytest.raises(CovectorError, match="holds modules"):
        make(3)


MISTAKES: dict[str, tuple[Any, type[Exception], str]] = {
    "heads": (lambda: nn.MultiheadAttention(8, 3), ShapeError, "8 cannot be divided among 3 heads"),
    "groups": (lambda: nn.GroupNorm(2, 3), ShapeError, "3 channels"),
    "convolution": (lambda: nn.Conv2d(3, 4, 3, groups=2), ShapeError, "3 channels in and 4 out"),
    "padding": (lambda: nn.Embedding(3, 2, padding_idx=3), CovectorError, "padding_idx is 3, and there are 3 rows"),
    "dropout": (lambda: nn.Dropout(-0.1), CovectorError, "-0.1"),
    "cell": (lambda: nn.RNNCell(2, 2, nonlinearity="sine"), CovectorError, "'tanh', 'relu'"),
    "rank": (lambda: nn.BatchNorm1d(3)(cv.ones(2, 3, 4, 4)), ShapeError, "2 or 3 axes, the second of extent 3"),
    "channels": (lambda: nn.BatchNorm2d(3)(cv.ones(2, 4, 4, 4)), ShapeError, r"\(2, 4, 4, 4\)"),
    "input": (lambda: nn.GRUCell(3, 2)(cv.ones(4, 2)), ShapeError, r"\(N, 3\)"),
    "state": (lambda: nn.GRUCell(3, 2)(cv.ones(4, 3), cv.ones(3, 2)), ShapeError, r"\(3, 2\), not \(4, 2\)"),
    "mask": (
        lambda: nn.MultiheadAttention(4, 2)(*[cv.ones(3, 1, 4)] * 3, attn_mask=cv.ones(2, 3)),
        ShapeError,
        r"attn_mask has the shape \(2, 3\)",
    ),
    "padding mask": (
        lambda: nn.MultiheadAttention(4, 2)(*[cv.ones(3, 1, 4)] * 3, key_padding_mask=cv.ones(1, 2)),
        CovectorError,
        "for 3 keys",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_named(case: str) -> None:
    act, error, text = MISTAKES[case]
    with pytest.raises(error, match=text):
        act()

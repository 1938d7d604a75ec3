"""Weights on disk: round trips with PyTorch, broken files, and what a kill leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import covector as cv
from covector import nn
from covector.errors import CovectorError, StateError
from tests.nn.peers import assert_close, drawn, pair
from tests.optim.curves import MODELS

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402 (it needs PyTorch)


@pytest.mark.parametrize("model", MODELS)
def test_weights_of_pytorch_give_the_same_outputs_and_go_back(model: str, tmp_path: Path) -> None:
    build, sample = MODELS[model]
    ours, theirs = pair(build)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    save_file(theirs.state_dict(), tmp_path / "theirs.safetensors")
    ours.load_state_dict(cv.load(tmp_path / "theirs.safetensors"))
    x = drawn(4, *sample)
    ours.eval(), theirs.eval()
    assert_close(ours(cv.tensor(x)), theirs(torch.tensor(x)), 1e-12)
    cv.save(tmp_path / "ours.safetensors", ours)
    _, again = pair(build)
    again.load_state_dict(load_file(tmp_path / "ours.safetensors"))
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_every_dtype_and_shape_comes_back(tmp_path: Path) -> None:
    tensors = {
        "bool": cv.tensor([True, False]),
        "int32": cv.tensor([1, -2], dtype="int32"),
        "int64": cv.tensor(1 << 40),
        "float32": cv.tensor([[np.nan, np.inf], [-0.0, 1.5]]),
        "float64": cv.zeros(0, 3, dtype="float64"),
        "turned": cv.arange(6).reshape(2, 3).T,
    }
    cv.save(tmp_path / "all.safetensors", tensors)
    found = cv.load(tmp_path / "all.safetensors")
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].shape == tensor.shape
        np.testing.assert_array_equal(found[name].numpy(), tensor.numpy())


def test_dtypes_that_covector_lacks_become_wider_ones(tmp_path: Path) -> None:
    values = torch.tensor([1.0, -2.5, 3.0])
    kinds = {kind: values.to(kind) for kind in (torch.bfloat16, torch.float16, torch.int8, torch.int16)}
    kinds[torch.uint8] = values.abs().to(torch.uint8)
    save_file({str(kind): tensor for kind, tensor in kinds.items()}, tmp_path / "kinds.safetensors")
    found = cv.load(tmp_path / "kinds.safetensors")
    for kind, tensor in kinds.items():
        assert found[str(kind)].dtype == ("float32" if kind.is_floating_point else "int32")
        assert found[str(kind)].tolist() == tensor.tolist()
    save_file({"x": torch.ones(2, dtype=torch.complex64)}, tmp_path / "complex.safetensors")
    with pytest.raises(StateError, match="x is of the dtype C64"):
        cv.load(tmp_path / "complex.safetensors")


def test_trees_come_back(tmp_path: Path) -> None:
    tree: dict[str, Any] = {"model": {"w": cv.ones(2)}, "groups": [{"lr": 0.1, "name": None}], "step": 3, 7: {0: True}}
    cv.save(tmp_path / "tree.safetensors", tree)
    found = cv.load(tmp_path / "tree.safetensors")
    assert found.pop("model")["w"].tolist() == [1.0, 1.0]
    tree.pop("model")
    assert found == tree
    assert load_file(tmp_path / "tree.safetensors")["model.w"].tolist() == [1.0, 1.0]


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    path = tmp_path / "never.safetensors"
    with pytest.raises(CovectorError, match=r"model\.f is function"):
        cv.save(path, {"model": {"f": lambda: None}})
    with pytest.raises(CovectorError, match=r"two tensors would be called 'a\.b'"):
        cv.save(path, {"a": {"b": cv.ones(1)}, "a.b": cv.ones(1)})
    assert list(tmp_path.iterdir()) == []


def test_broken_files_are_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    cv.save(whole, nn.Linear(8, 8))
    content = whole.read_bytes()
    broken = tmp_path / "broken.safetensors"
    for cut in (0, 4, 40, len(content) - 1):
        broken.write_bytes(content[:cut])
        with pytest.raises(StateError, match="not a whole safetensors file"):
            cv.load(broken)
    for other in (b"\xff" * 100, content + b"more", b"\x80\x02}q\x00."):
        broken.write_bytes(other)
        with pytest.raises(StateError, match=r"broken\.safetensors"):
            cv.load(broken)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        cv.load(tmp_path / "absent.safetensors")


def test_a_failed_save_leaves_the_old_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.safetensors"
    cv.save(path, {"x": cv.ones(1)})

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        cv.save(path, {"x": cv.zeros(1)})
    assert cv.load(path)["x"].item() == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.safetensors"]


def test_who_reads_the_old_file_reads_it_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    cv.save(path, {"x": cv.ones(1)})
    before = path.read_bytes()
    with path.open("rb") as reader:
        cv.save(path, {"x": cv.zeros(1)})
        assert reader.read() == before != path.read_bytes()


def test_the_file_has_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    cv.save(tmp_path / "model.safetensors", {"x": cv.ones(1)})
    (tmp_path / "plain").touch()
    assert (tmp_path / "model.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_kill_never_leaves_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    code = f"""
        import covector as cv, numpy as np
        number = 0
        while True:
            number += 1
            cv.save({str(path)!r}, {{"x": cv.tensor(np.full(300_000, float(number)))}})
            print(number, flush=True)
    """
    for delay in (0.0, 0.003, 0.007, 0.013, 0.021):
        child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(delay)
        child.kill()
        child.communicate()
        values = cv.load(path)["x"].numpy()
        assert len(values) == 300_000
        assert values.min() == values.max() >= 1

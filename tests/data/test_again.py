"""The same seed gives the same training, bit for bit: again in one process, and in another one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import pytest

import covector as cv
from covector import data, nn
from tests.tensors.agreement import forget

MODELS = {
    "mlp": lambda: nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Dropout(0.2), nn.Linear(48, 10)),
    "cnn": lambda: nn.Sequential(
        *(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Flatten(), nn.LayerNorm(144), nn.Linear(144, 10)),
    ),
}
WAYS = ("fit", "loop", "jit")


def trained(name: str, way: str) -> str:
    """What the weights are after two epochs, whose last batch is smaller, as a digest of their bits."""
    cv.random.manual_seed(0)
    train, test = data.split(*data.digits(), test=0.6)
    model = MODELS[name]()
    optimizer = cv.optim.AdamW(model.parameters(), lr=3e-3)

    def step(images: Any, labels: Any) -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()

    if way == "fit":
        cv.fit(model, nn.CrossEntropyLoss(), train, optimizer, epochs=2, validation=test, progress=False)
    else:
        taken = cv.jit(step) if way == "jit" else step
        for _ in range(2):
            for batch in data.batches(*train, size=50, shuffle=True):
                taken(*batch)
    return hashlib.sha256(b"".join(value.numpy().tobytes() for value in model.state_dict().values())).hexdigest()


def times(count: int, name: str, way: str) -> list[str]:
    """The digests of so many trainings, the first of which finds no program compiled."""
    forget()
    return [trained(name, way) for _ in range(count)]


def digests() -> dict[str, str]:
    """The digest of each model and way of training."""
    return {f"{name} {way}": times(1, name, way)[0] for name in MODELS for way in WAYS}


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, str]:
    """The digests of a process of its own."""
    script = f"from {__name__} import digests\nfor name, digest in digests().items(): print(name, digest, sep=': ')"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=280)
    return dict(line.split(": ") for line in answer.stdout.splitlines())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("way", WAYS)
def test_training_again_gives_the_same_bits(name: str, way: str, elsewhere: dict[str, str]) -> None:
    assert times(2, name, way) == [elsewhere[f"{name} {way}"]] * 2

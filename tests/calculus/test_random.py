"""Random programs: their gradients agree with differences and with dual numbers, and the simplifier keeps every value.

`corpus.txt` holds what once went wrong, one program a line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from covector.calculus.reverse import gradients
from covector.ir import Program, check
from covector.run.reference import evaluate
from tests.calculus.agreement import Disagreement, Point, check_gradients, check_second, check_simplifier
from tests.support.generator import APPLIED, Case, generate
from tests.support.programs import arrays, float_inputs, program, symbols

CHUNK = 25
SMALL, LARGE, SECOND = 600, 150, 100
TRIES = 4
KINKED = {"condition on values", "any or all", "relu", "sign", "abs", "maximum", "minimum", "max", "min"}
"""What has a kink or a step at 0, so that exact zeros among the inputs tell nothing."""

CORPUS = Path(__file__).with_name("corpus.txt")
LINE = re.compile(r"(?P<text>[^#]*)#(?P<bug> BUG)?(?: \[(?P<sizes>[\w=, ]*)\])? (?P<why>.*)")

Test = Callable[[Point, np.random.Generator], str]


class Entry(NamedTuple):
    """One line of the corpus: a program, the sizes of its symbols, and whether it is known to fail."""

    text: str
    sizes: dict[str, int]
    bug: bool
    why: str


def corpus() -> list[Entry]:
    """The programs that once went wrong."""
    entries = []
    for line in CORPUS.read_text("utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            found = LINE.fullmatch(line)
            assert found, f"a line of the corpus reads: program # [M=1, N=2] why; this does not: {line}"
            sizes = dict(pair.split("=") for pair in (found["sizes"] or "").replace(" ", "").split(",") if pair)
            numbers = {name: int(size) for name, size in sizes.items()}
            entries.append(Entry(found["text"].strip(), numbers, bool(found["bug"]), found["why"]))
    return entries


def points(read: Program, sizes: dict[str, int], seed: int, zeros: bool) -> Iterator[tuple[Point, np.random.Generator]]:
    """Points at which to try a program, until one of them tells something."""
    extents = {**dict.fromkeys(symbols(read), 2), **sizes}
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, attempt])
        drawn = arrays(read, extents, rng, zeros=zeros and attempt == 0, outside=seed % 2 == 1)
        yield Point(read, extents, drawn), rng


def first(point: Point, rng: np.random.Generator) -> str:
    """The gradients, and the simplifier on every statement."""
    told = check_gradients(point, rng)
    if not told:
        check_simplifier(point, rng)
    return told


def verdict(case: Case, test: Test, zeros: bool) -> str:
    """Run a test at a point that tells something; gives "" or why none does."""
    told = ""
    try:
        for point, rng in points(program(case.text), case.extents, case.seed, zeros):
            told = test(point, rng)
            if not told:
                return ""
    except Exception as error:
        message = f"{type(error).__name__}: {error}\nseed {case.seed}, extents {case.extents}\n{case.text}"
        raise AssertionError(message) from error
    return told


def chunks(count: int) -> list[range]:
    return [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]


def run(seeds: range, test: Test, small: bool, zeros: bool) -> None:
    """Run a test on generated programs; most of them must tell something."""
    told: Counter[str] = Counter()
    for seed in seeds:
        case = generate(seed, small)
        told[verdict(case, test, zeros and seed % 3 == 0 and not case.features & KINKED)] += 1
    assert told[""] >= len(seeds) * 0.6, told


with_known_bugs = pytest.mark.xfail(
    any(entry.bug for entry in corpus()), reason="the corpus holds programs that are known to fail", strict=False
)


@with_known_bugs
@pytest.mark.parametrize("seeds", chunks(SMALL), ids=str)
def test_small_programs(seeds: range) -> None:
    run(seeds, first, small=True, zeros=True)


@with_known_bugs
@pytest.mark.parametrize("seeds", chunks(LARGE), ids=str)
def test_large_programs(seeds: range) -> None:
    run(seeds, first, small=False, zeros=True)


@with_known_bugs
@pytest.mark.parametrize("seeds", chunks(SECOND), ids=str)
def test_second_derivatives(seeds: range) -> None:
    run(range(5000 + seeds.start, 5000 + seeds.stop), check_second, small=True, zeros=False)


def _marked(entry: Entry) -> object:
    marks = [pytest.mark.xfail(reason=entry.why, strict=True)] if entry.bug else []
    return pytest.param(entry, marks=marks, id=entry.text)


@pytest.mark.parametrize("entry", [_marked(entry) for entry in corpus()])
def test_corpus(entry: Entry) -> None:
    read = program(entry.text)
    for seed in range(4):
        for test in (first, check_second):
            for point, rng in points(read, entry.sizes, seed, zeros=False):
                if not test(point, rng):
                    break


def test_same_seed_same_program() -> None:
    assert [generate(seed) for seed in range(20)] == [generate(seed) for seed in range(20)]
    assert len({generate(seed).text for seed in range(200)}) > 195


def test_the_generator_uses_everything() -> None:
    used = Counter(feature for seed in range(600) for feature in generate(seed).features)
    wanted = {
        *APPLIED,
        *("stride", "window", "difference", "reversed", "flatten", "reshape", "floor", "modulus", "constant position"),
        *(
            "data-dependent",
            "data-dependent bracket",
            "pad",
            "pad with a value",
            "inferred extent",
            "earlier statement",
        ),
        *("sum", "mean", "max", "min", "prod", "any or all", "select", "dangerous select", "bracket", "stop"),
        *("condition on values", "index as a value", "extent as a value", "scalar input", "normalised"),
    }
    assert all(used[feature] >= 3 for feature in wanted), {feature for feature in wanted if used[feature] < 3}


# The check must be able to fail: a gradient with a fault is noticed.

FAULTY = "y[i] = sum[k:3](w[i,k] * tanh(x[k])); loss = sum[i](y[i]**2 / (1 + x[0]**2))"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("y[i:3] = sum[k:3](w[i,k] * x[k])", "y[i:3] = sum[k:3](w[k,i] * x[k])"),
        ("y[i:3] = x[i]**2", "y[i:3] = x[i]**2 / 2"),
        ("y[i:3] = x[i] * x[0]", "y[i:3] = x[i] * stop(x[0])"),
        ("y[i:3] = x[i] - mean[k](x[k])", "y[i:3] = x[i]"),
        ("y[i:3] = exp(x[i])", "y[i:3] = -exp(x[i])"),
        ("y[i:3] = sum[k:3]([k <= i] * x[k])", "y[i:3] = sum[k:3]([k < i] * x[k])"),
    ],
)
def test_a_wrong_gradient_is_noticed(text: str, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients of one program, passed off as those of another over the same inputs."""
    right, other = program(text), program(wrong)
    monkeypatch.setattr(
        "tests.calculus.agreement.gradients", lambda _, wrt, **more: gradients(other, float_inputs(other))
    )
    point, rng = next(points(right, {"I": 3, "K": 3}, 1, zeros=False))
    with pytest.raises((Disagreement, KeyError)):
        check_gradients(point, rng)


def test_gradient_programs_are_checked_and_run_by_name() -> None:
    read = program(FAULTY)
    derived = gradients(read, float_inputs(read))
    computed = check(derived.gradient_program(float_inputs(read)))
    drawn = arrays(read, {"I": 2}, np.random.default_rng(0))
    found = evaluate(computed, drawn)
    assert {"loss", "dw", "dx"} <= set(found)
    assert found["dw"].shape == drawn["w"].shape

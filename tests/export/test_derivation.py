"""The NumPy source of a whole derivation: it gives one array for each gradient, in order."""

from __future__ import annotations

import numpy as np
import pytest

from covector import derive
from covector.run.reference import evaluate
from tests.export.running import draw, run

DERIVED = [
    ("y[i] = select(x[i] > 0, w[i], v[i])", None),
    ("y[i] = x[i] + 0 * w[i]", None),
    ("c: ()\ny[i] = 0 * x[i] + 0 * c", None),
    ("x: N float32\ny[i] = 0 * x[i]", None),
    ("h[i] = x[i] * 2\ny[i] = 0 * h[i] + dh[i] * w[i]", ["w", "h", "x"]),
    ("s = sum[i,j](x[i,j] * w[j])", None),
    ("s = sum[i](x[i] ** 2)", None),
    ("table: V D\nids: N int64\ny[n,d] = table[ids[n],d] + 0 * w[n,d]", None),
]


@pytest.mark.parametrize(("source", "wrt"), DERIVED)
def test_every_gradient_is_returned_in_order(source: str, wrt: list[str] | None) -> None:
    derived = derive(source, wrt=wrt)
    extents = dict.fromkeys("IJNVD", 3)
    program = derived[next(iter(derived))].program
    arrays = draw(program, extents, {"ids": lambda rng, shape, _: rng.integers(0, 3, shape)})
    found = run(derived.numpy(), "gradients", arrays, extents)
    assert len(found) == len(derived)
    for name, array in zip(derived, found, strict=True):
        each = derived[name].program
        expected = evaluate(each, arrays, extents)[each.output.name]
        assert np.shape(array) == expected.shape
        assert np.asarray(array).dtype == expected.dtype
        np.testing.assert_allclose(array, expected)


def test_the_gradients_know_which_positions_the_forward_reads() -> None:
    source = derive("table: V D\nids: N int64\ny[n,d] = table[ids[n],d]").numpy()
    assert "np.add.at(dtable, ids, G)" in source


@pytest.mark.parametrize("name", ["forward", "gradients"])
def test_positions_outside_are_refused(name: str) -> None:
    derived = derive("table: V D\nids: N int64\ny[n,d] = table[ids[n],d]")
    for position in (-1, 3):
        arrays = {"table": np.ones((3, 2)), "ids": np.array([0, position])}
        arrays |= {"G": np.ones((2, 2))} if name == "gradients" else {}
        with pytest.raises((AssertionError, IndexError)):
            run(derived.numpy(), name, arrays, {})

"""Programs in the notation that machine code once got wrong, made small; they and their gradients as interpreted."""

from __future__ import annotations

import numpy as np
import pytest

from covector.run.extents import evaluate_extent
from tests.native.test_agreement import check_native
from tests.schedule.test_agreement import single, with_gradients
from tests.support.programs import arrays, program, symbols

FAULTS = {
    "a tensor of one element was not zero outside its bounds": "h: 1; b[l] = exp(h[l]); a = b[0] + pad(b[-1])",
    "a statement of numbers took the dtype of its reader, whose output was not written": (
        "G: (); h[i:M] = erfc(cos(1.5 * [i % 2 == 0])); v = log(h[M-1]) * G"
    ),
    "a quotient of a negated index was taken apart the wrong way": (
        "g: (2*M); c[u:2,p:M] = pad(g[2-2*p]) * g[u*M+p]; x = sum[u,p](c[u,p]**3)"
    ),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("why", FAULTS)
def test_what_once_went_wrong(why: str, dtype: str) -> None:
    read = program(FAULTS[why].replace("; ", "\n"))
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 4):
        extents = dict.fromkeys(symbols(read), size)
        given = arrays(read, extents, rng)
        for each in with_gradients(read):
            for added in each.inputs:
                shape = [evaluate_extent(extent, extents) for extent in added.shape]
                given.setdefault(added.name, rng.standard_normal(shape))
            tolerance = 1e-9 if dtype == "float64" else 1e-4
            check_native(each if dtype == "float64" else single(each), given, extents, tolerance)

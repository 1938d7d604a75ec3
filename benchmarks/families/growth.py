"""How the time of a step grows with the batch and with the width: the points of two curves.

torch.compile does not take part: it compiles for seconds at every point. ``covector jit, any batch`` has seen two other
batch sizes before, so that its program takes the batch as a number at run time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import covector as cv
from benchmarks.families import steps
from benchmarks.families.models import Model, outcome
from benchmarks.measure import Effort, timed
from benchmarks.record import EAGER, JAX, JIT, NUMPY, TORCH, Contender, Row

BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
ANY_BATCH = "covector jit, any batch"


def rows(effort: Effort) -> list[Row]:
    """A row for each point."""
    points = [("batch", batch, Model((256, 256, 10), batch)) for batch in BATCHES]
    points += [("width", width, Model((width, width, 10), 128)) for width in WIDTHS]
    return [
        Row(
            f"growth-{axis}-{place}",
            steps.title(model),
            contenders(model, effort),
            work=model.work,
            expected=model.expected,
            rounds=9,
            point=(axis, place),
        )
        for axis, place, model in points
    ]


def contenders(model: Model, effort: Effort) -> dict[str, Callable[[], Contender]]:
    """Those who train at every point."""
    makers = {JIT: steps.jitted, ANY_BATCH: any_batch, EAGER: steps.eager}
    makers |= {TORCH: steps.torch, JAX: steps.jax, NUMPY: steps.numpy}
    return {name: partial(make, model, effort) for name, make in makers.items()}


def any_batch(model: Model, effort: Effort) -> Contender:
    """``cv.jit`` after two other batch sizes; the weights are put back before the step that is compared."""
    step, weights = steps.covector_step(model)
    whole = cv.jit(step)
    for batch in (model.batch + 1, model.batch + 2):
        whole(*(cv.tensor(array) for array in Model(model.sizes, batch).data))
    with cv.no_grad():
        for weight, start in zip(weights, model.weights, strict=True):
            weight.copy_(cv.tensor(start))
    given = [cv.tensor(array) for array in model.data]
    loss = whole(*given)
    found = outcome(loss.numpy(), model.weights, [weight.numpy().copy() for weight in weights])
    return Contender(timed(lambda: whole(*given), effort), found)

"""Arithmetic with broadcasting, and dropout."""

from __future__ import annotations

from covector.ops.record import Operation

ELEMENTWISE = (
    Operation(
        name="add",
        arguments=("x", "y"),
        forms=("add[...] = x[...] + y[...]",),
        doc="The sum of two arrays, broadcasting.",
        family="elementwise",
        example="x: M N; y: N",
    ),
    Operation(
        name="sub",
        arguments=("x", "y"),
        forms=("sub[...] = x[...] - y[...]",),
        doc="The difference of two arrays, broadcasting.",
        family="elementwise",
        example="x: M N; y: N",
    ),
    Operation(
        name="mul",
        arguments=("x", "y"),
        forms=("mul[...] = x[...] * y[...]",),
        doc="The product of two arrays element by element, broadcasting.",
        family="elementwise",
        example="x: M N; y: N",
    ),
    Operation(
        name="div",
        arguments=("x", "y"),
        forms=("div[...] = x[...] / y[...]",),
        doc="The quotient of two arrays element by element, broadcasting.",
        family="elementwise",
        example="x: M N; y: N",
    ),
    Operation(
        name="dropout",
        arguments=("x", "mask"),
        forms=("dropout[...] = x[...] * mask[...] / (1 - p)",),
        doc="x where the mask is 1 and 0 where it is 0, scaled so that its expectation is x if a share p is dropped.",
        family="elementwise",
        example="x: N D; mask: N D",
        parameters={"p": 0.5},
        sample={"p": 0.25},
    ),
)

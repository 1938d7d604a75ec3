"""Rows looked up by number."""

from __future__ import annotations

from covector.ops.record import Operation

INDEXING = (
    Operation(
        name="embedding",
        arguments=("ids", "table"),
        forms=("embedding[..., d] = table[ids[...], d]",),
        doc="The rows of the table that the ids name.",
        family="indexing",
        example="ids: N int64; table: V D",
    ),
    Operation(
        name="one_hot",
        arguments=("ids",),
        forms=("one_hot[..., c:classes] = [c = ids[...]]",),
        doc="For each id a row that is 1 at its place and 0 elsewhere.",
        family="indexing",
        example="ids: N int64",
        parameters={"classes": 10},
        sample={"classes": 5},
    ),
)

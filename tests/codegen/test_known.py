"""Values that are known are forgotten when something that they read is written, and when their part ends."""

from __future__ import annotations

from covector.codegen.builder import Builder
from covector.codegen.known import Known
from covector.codegen.module import Module
from covector.codegen.target import PORTABLE
from covector.ir import Apply, Index, Input, as_affine
from covector.ops import SCALARS

from .plans import at

I = Index("i", as_affine(3))
X, Y = (Input(name, (as_affine(3),), "float64") for name in "xy")
READ_X, READ_Y = (at(tensor, I) for tensor in (X, Y))
BOTH = Apply(SCALARS["add"], (READ_X, READ_Y))
VALUE = Builder(Module(PORTABLE), "f", ()).constant(1, "float64")


def known() -> Known:
    """The values of two reads and of their sum."""
    found = Known()
    for expr in (READ_X, READ_Y, BOTH):
        found.add((expr, ()), VALUE)
    return found


def test_what_reads_what_is_written_is_forgotten() -> None:
    found = known()
    found.forget(X)
    assert [found.get((expr, ())) for expr in (READ_X, READ_Y, BOTH)] == [None, VALUE, None]
    found.add((READ_X, ()), VALUE)
    found.forget(X)
    assert found.get((READ_X, ())) is None


def test_a_part_begins_without_what_it_writes_and_leaves_nothing_behind() -> None:
    found = known()
    with found.scope({Y}):
        assert found.get((READ_X, ())) is VALUE
        assert found.get((BOTH, ())) is None
        found.add((READ_Y, ()), VALUE)
        found.add((READ_X, ("lane",)), VALUE)
    assert found.get((READ_X, ())) is VALUE
    assert found.get((READ_Y, ())) is None
    assert found.get((READ_X, ("lane",))) is None

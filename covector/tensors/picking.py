"""Picking items by their places, in one step where that is possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

Pick = Callable[[Any], tuple[Any, ...]]


def picking(places: Sequence[int]) -> Pick:
    """What picks the items at these places from a sequence, as a tuple.

    >>> picking([2, 0])("abc"), picking([1])("abc")
    (('c', 'a'), ('b',))
    """
    if len(places) > 1:
        return itemgetter(*places)
    return lambda items: tuple([items[place] for place in places])

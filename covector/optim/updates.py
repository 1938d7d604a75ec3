"""The updates of a group, noted all at once: which calls they are is made out once for tensors of some kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

from covector.optim.rule import Rule
from covector.optim.settings import Group, Setting
from covector.tensors.call import Planned, note
from covector.tensors.direct import FromItems
from covector.tensors.dtypes import Kind, kind_of
from covector.tensors.known import known_calls
from covector.tensors.node import STATE, leaf, renewed
from covector.tensors.picking import Pick, picking
from covector.tensors.tensor import Tensor
from covector.tensors.update import hold

State = dict[str, Tensor]
_node_of, _kind_of = attrgetter("_node"), attrgetter("kind")
_values_of: Callable[[State], Any] = dict.values

_MOST = 64
"""Lists of calls that are kept: one for each choice of parameters that have a gradient, and of settings."""


class Calls:
    """The calls that update some parameters and their states.

    Their arguments are picked from the nodes of the parameters, of their gradients, of their states and of ``numbers``,
    in that order; a number is given by its kind and its place among the settings. ``targets`` picks what is updated.
    """

    __slots__ = ("numbers", "planned", "targets")

    def __init__(self, numbers: Sequence[tuple[Kind, int]], planned: Sequence[Planned], targets: Pick) -> None:
        self.numbers, self.planned, self.targets = numbers, planned, targets


class Updates:
    """The updates by a rule that takes ``numbers`` in the dtype of a parameter, and ``exact`` ones in float64."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._known: dict[Any, Calls] = {}

    def __call__(
        self,
        group: Group,
        states: Mapping[Tensor, State],
        numbers: Mapping[str, Setting],
        exact: Mapping[str, Setting],
        flags: Mapping[str, bool],
    ) -> None:
        """Give the parameters of a group that have a gradient, and their states, their new values."""
        parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
        own = [states[parameter] for parameter in parameters]
        gradients = [parameter.grad for parameter in parameters]
        tensors = [*parameters, *gradients, *chain.from_iterable(map(_values_of, own))]
        here = STATE.here
        trace, known = here.trace, known_calls(here)
        if trace is not None:
            trace.note(tensors)
        nodes = list(map(_node_of, tensors))
        kinds = list(map(_kind_of, nodes))
        key = (*kinds, *map(tuple, own), *numbers, *flags.items())
        calls = self._known.get(key)
        if calls is None:
            if len(self._known) >= _MOST:
                self._known.clear()
            calls = self._known[key] = self._made(kinds, own, tuple(numbers), tuple(exact), tuple(flags.items()))
        settings = [*numbers.values(), *exact.values()]
        if trace is None:
            nodes += [leaf(kind, settings[at](group)) for kind, at in calls.numbers]
        else:
            nodes += [renewed(kind, FromItems(settings[at], group)) for kind, at in calls.numbers]
        given = len(nodes)
        hold(calls.targets(tensors), note(calls.planned, nodes))
        if known is not None:
            known.followed(here, calls, nodes, given)

    def _made(
        self,
        kinds: Sequence[Kind],
        states: Sequence[State],
        numbers: tuple[str, ...],
        exact: tuple[str, ...],
        flags: tuple[tuple[str, bool], ...],
    ) -> Calls:
        """The calls for parameters, gradients and states of these kinds."""
        count, state_at = len(states), 2 * len(states)
        dtypes = list(dict.fromkeys(kind.dtype for kind in kinds[:count]))
        given = [(kind_of((), dtype), at) for dtype in dtypes for at in range(len(numbers))]
        exact_at = len(kinds) + len(given)
        given += [(kind_of((), "float64"), len(numbers) + at) for at in range(len(exact))]
        whole = [*kinds, *[kind for kind, _ in given]]
        planned: list[Planned] = []
        targets = []
        for number, state in enumerate(states):
            numbers_at = len(kinds) + dtypes.index(kinds[number].dtype) * len(numbers)
            places = [number, count + number, *range(state_at, state_at + len(state))]
            places += [*range(numbers_at, numbers_at + len(numbers)), *range(exact_at, len(whole))]
            names = ("parameter", "gradient", *state, *numbers, *exact)
            entry = self._rule.entry([whole[place] for place in places], names, ("parameter", *state), flags)
            pick = picking(places)
            planned += [(entry, pick, output, kind) for output, kind in enumerate(entry.kinds)]
            targets += [number, *range(state_at, state_at + len(state))]
            state_at += len(state)
        return Calls(given, planned, picking(targets))

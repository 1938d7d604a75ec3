"""Loops and what they do, as instructions: one loop of each nest runs over the lanes of vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from covector.codegen import blocks
from covector.codegen.builder import Builder, Value, Variable
from covector.codegen.contraction import ContractionKernel
from covector.codegen.expressions import Expressions, looks_up, number_of, reciprocal
from covector.codegen.known import reads
from covector.codegen.layout import Layout, loops_of, steps_of
from covector.codegen.memory import Memory
from covector.codegen.product_calls import Share, call_product, columns_of
from covector.codegen.products import Methods, product_loops
from covector.codegen.reductions import REDUCTIONS, across_lanes, neutral
from covector.codegen.vectors import can_be_vector, is_worthwhile, reductions, slope, widest_lanes, width_of
from covector.ir import Affine, Apply, Compute, Index, Read, as_affine, walk
from covector.ir.affine import free
from covector.ir.node import Node
from covector.schedule.plan import Accumulate, Assign, Loop, Product, Step

Bound = int | Value


class Steps:
    """The steps of one function as instructions."""

    def __init__(
        self, builder: Builder, layout: Layout, memory: Memory, methods: Methods, share: Share | None = None
    ) -> None:
        self.builder, self.layout, self.memory = builder, layout, memory
        self.methods, self.share = methods, share
        self.expressions = Expressions(builder, layout, memory)
        self.places: dict[Compute, Variable] = {}
        self.limits: dict[Index, tuple[Value, Value]] = {}

    def run(self, steps: Sequence[Step]) -> None:
        """Steps one after another."""
        for step in steps:
            if isinstance(step, Loop):
                self.loop(step)
            elif isinstance(step, Product):
                self.product(step)
            else:
                self.expressions.strict = not step.target.is_derived
                if isinstance(step, Assign):
                    self.assign(step)
                else:
                    self.accumulate(step)
                    self.expressions.forget(step.target)

    def along(self, product: Product, loop: Loop) -> None:
        """A product and the loop behind it, on the columns that are the thread's."""
        method = self.methods.of(product)
        assert isinstance(method, ContractionKernel)
        assert loop.columns is not None
        self.product(product)
        self.limits[loop.columns] = columns_of(self.expressions, method, self.share)
        self.run((loop,))

    # Single steps

    def product(self, step: Product) -> None:
        """A product by its method, or as loops."""
        method = self.methods.of(step)
        if method is None:
            self.run(product_loops(step))
        else:
            call_product(self.expressions, step, method, self.share)
            self.expressions.forget(step.target)

    def assign(self, step: Assign) -> None:
        """``target[positions] = value``, which is known from here on."""
        value = self.expressions.value_as(step.value, step.target.dtype)
        if self.layout.is_register(step.target):
            self.register(step.target).set(value)
            self.expressions.forget(step.target)
            return
        self.store(step, value)
        self.expressions.forget(step.target)
        self.expressions.remember(step, value)

    def accumulate(self, step: Accumulate) -> None:
        """``target[positions] = operation(target[positions], value)``."""
        combine = REDUCTIONS[step.operation].combine
        value, mask = self.expressions.value_as(step.value, step.target.dtype), self.expressions.mask
        variable = self.places.get(step.target)
        if variable is None and self.layout.is_register(step.target):
            variable = self.register(step.target)
        if variable is None:
            self.store(step, value, lambda old, new: combine(self.builder, old, new))
            return
        if mask is not None and step.target in self.places:
            start = self.builder.constant(neutral(step.operation, value.dtype), value.dtype)
            value = mask.where(value, start)
        variable.set(combine(self.builder, variable.get(), self.builder.widen(value, variable.width)))

    def register(self, target: Compute) -> Variable:
        """The variable of a tensor that is kept in a register."""
        registers, width = self.expressions.registers, self.expressions.width
        if target not in registers:
            start = self.builder.constant(0, target.dtype, width)
            registers[target] = self.builder.variable(start)
        return registers[target]

    def store(
        self, step: Assign | Accumulate, value: Value, combine: Callable[[Value, Value], Value] | None = None
    ) -> None:
        """Write a value, or what it makes of the one that is there, where the positions are inside the bounds."""
        target, expressions = step.target, self.expressions
        place = self.layout.flat(target, step.positions)
        condition = expressions.inside(target, step.positions)
        moves = slope(place, expressions.vector) if expressions.vector and expressions.width > 1 else as_affine(0)
        if expressions.mask is not None:
            condition = expressions.mask if condition is None else condition & expressions.mask
        if moves is not None and moves.is_constant and moves.constant == 0:
            assert value.width == 1, f"{target.name} is written in one place by every lane"
            at = expressions.integer(place)
        elif moves is not None and moves.is_constant and moves.constant == 1:
            value, at = self.builder.widen(value, expressions.width), expressions.first(place)
        else:
            value, at = self.builder.widen(value, expressions.width), expressions.integer(place)
        if combine is not None:
            value = combine(self.old(target, at, value.width, condition), value)
        write = self.memory.scatter if at.width > 1 else self.memory.store
        write(target, at, value, condition)

    def old(self, target: Compute, at: Value, width: int, condition: Value | None) -> Value:
        """What is there."""
        if at.width > 1:
            return self.memory.gather(target, at, width, condition)
        return self.memory.load(target, at, width, condition)

    # Loops

    def loop(self, loop: Loop) -> None:
        """All iterations of a loop, or those within the limits of its index."""
        limits = self.limits.get(loop.index)
        self.range(loop, *(limits or (0, self.bound(loop.index.extent))))

    def bound(self, extent: Affine) -> Bound:
        """An extent as a number, or as a value where it is only known in a call."""
        return extent.constant if extent.is_constant else self.expressions.integer(extent)

    def range(self, loop: Loop, low: Bound, high: Bound) -> None:
        """The iterations of a loop from ``low`` to ``high``."""
        if isinstance(low, int) and isinstance(high, int) and low >= high:
            return
        lanes = widest_lanes(loop, self.builder.module.target.vector_bytes)
        vector = self.expressions.vector is None and can_be_vector(loop, self.layout)
        if vector and is_worthwhile(loop, self.layout, lanes):
            self.vector_range(loop, low, high, width_of(loop, lanes), lanes)
        else:
            with self.iterations(loop, low, high, 1):
                self.run(loop.body)

    @contextmanager
    def iterations(self, loop: Loop, low: Bound, high: Bound, step: int, whole: bool = True) -> Iterator[None]:
        """A part that runs for every ``step``-th index from ``low`` to ``high``, with what does not change before it.

        The index may be beyond ``high`` only in lanes. These are few iterations where they are not the ``whole``.
        """
        written = {step.target for step in steps_of(loop.body)}
        with self.expressions.scope(written), self.unless_empty(low, high):
            self.hoist(loop, written)
            first, last = self.as_value(low), self.as_value(high)
            totals = blocks.summed(loop, self.layout) if whole and blocks.is_long(loop, step) else ()
            with (
                self.in_blocks(totals, first, last, step, self.own_columns(loop)) as (begin, end),
                self.builder.loop(begin, end, step) as index,
                self.expressions.scope(written),
            ):
                self.expressions.indices[loop.index] = index
                yield
            del self.expressions.indices[loop.index]

    def own_columns(self, loop: Loop) -> tuple[Value, Value] | None:
        """The columns of a loop behind a product that are the thread's, None where all are."""
        return None if loop.columns is None else self.limits.get(loop.columns)

    @contextmanager
    def in_blocks(
        self, totals: Sequence[Compute], low: Value, high: Value, step: int, columns: tuple[Value, Value] | None
    ) -> Iterator[tuple[Value, Value]]:
        """A part that runs for some iterations, those of each block of them by itself where these add to totals.

        Of totals in memory only the ``columns`` are touched, where these are given.
        """
        placed = {target: self.places[target] for target in totals if target in self.places}
        own = [target for target in totals if target not in placed]
        registers = {target: self.register(target) for target in own if self.layout.is_register(target)}
        kept = [target for target in own if target in self.layout.blocks and target not in self.memory.elsewhere]
        if columns is not None:
            kept = [target for target in kept if len(self.layout.storage(target).axes) == 1]
        if not (placed or registers or kept):
            yield low, high
            return
        places, before = self.places, self.expressions.registers
        beside = blocks.beside(self.builder, self.memory, kept, columns)
        with blocks.blocks(self.builder, low, high, step) as block, beside:
            with blocks.apart(self.builder, placed) as lanes, blocks.apart(self.builder, registers) as variables:
                self.places, self.expressions.registers = places | lanes, before | variables
                yield block
            self.places, self.expressions.registers = places, before

    @contextmanager
    def unless_empty(self, low: Bound, high: Bound) -> Iterator[None]:
        """A part that runs only where there are iterations."""
        if isinstance(low, int) and isinstance(high, int) and low < high:
            yield
        else:
            with self.builder.when(self.as_value(low) < self.as_value(high)):
                yield

    def as_value(self, bound: Bound) -> Value:
        """A bound as a value."""
        return bound if isinstance(bound, Value) else self.builder.constant(bound, "int64")

    def hoist(self, loop: Loop, written: set[Compute]) -> None:
        """Compute what is the same in all iterations."""
        changing = {loop.index, *(inner.index for inner in loops_of(loop.body))}
        for step in steps_of(loop.body):
            if isinstance(step, Product):
                continue
            self.expressions.strict = not step.target.is_derived
            for node in walk(step.value):
                inverse = reciprocal(node)
                for part in (node, inverse) if inverse is not None else (node,):
                    if isinstance(part, (Apply, Read)) and self.is_constant(part, changing, written):
                        self.expressions.value(part)

    def is_constant(self, node: Node, changing: set[Index], written: set[Compute]) -> bool:
        """Whether an expression has one value in all iterations, and may be computed before them."""
        if free(node) & changing or reads(node) & written or number_of(node) is not None:  # type: ignore[arg-type]
            return False
        return not (self.expressions.strict and looks_up(node))

    # Vectors

    def vector_range(self, loop: Loop, low: Bound, high: Bound, width: int, lanes: int) -> None:
        """A loop whose iterations are lanes: whole vectors, then what is left under a mask."""
        if isinstance(low, int) and isinstance(high, int):
            middle: Bound = low + (high - low) // width * width
        else:
            first, last = self.as_value(low), self.as_value(high)
            middle = first + ((last - first) & -width)
        reduced = {
            target: self.builder.variable(self.start(step, width)) for target, step in self.reduced(loop).items()
        }
        if not (isinstance(middle, int) and middle == low):
            self.vector_body(loop, low, middle, width, None, reduced)
        left = not (isinstance(middle, int) and middle == high)
        rest = self.narrowed(loop, reduced, lanes)
        if left:
            self.vector_body(loop, middle, high, lanes, high, rest)
        for target, variable in rest.items():
            self.finish(self.reduced(loop)[target], variable)

    def reduced(self, loop: Loop) -> dict[Compute, Accumulate]:
        """What the lanes of a loop accumulate together."""
        return reductions(loop, self.layout)

    def start(self, step: Accumulate, width: int) -> Value:
        """The neutral element in every lane."""
        dtype = step.target.dtype
        return self.builder.constant(neutral(step.operation, dtype), dtype, width)

    def vector_body(
        self, loop: Loop, low: Bound, high: Bound, width: int, end: Bound | None, reduced: dict[Compute, Variable]
    ) -> None:
        """The iterations of a loop, ``width`` at once; those from ``end`` on, where it is given, do not count."""
        expressions = self.expressions
        registers, places = dict(expressions.registers), self.places
        own = {step.target for step in steps_of(loop.body) if isinstance(step, Assign)}
        expressions.registers = {tensor: kept for tensor, kept in registers.items() if tensor not in own}
        self.places = reduced
        with self.iterations(loop, low, high, width, whole=end is None):
            expressions.vector, expressions.width = loop.index, width
            if end is not None:
                left = self.as_value(end) - expressions.indices[loop.index]
                expressions.mask = self.builder.lanes(width, "int32") < left.convert("int32")
            self.run(loop.body)
            expressions.vector, expressions.width, expressions.mask = None, 1, None
        expressions.registers, self.places = registers, places

    def narrowed(self, loop: Loop, reduced: dict[Compute, Variable], width: int) -> dict[Compute, Variable]:
        """Accumulators of several registers as accumulators of one each."""
        result = {}
        for target, variable in reduced.items():
            value = across_lanes(variable.get(), self.reduced(loop)[target].operation, width)
            result[target] = self.builder.variable(value)
        return result

    def finish(self, step: Accumulate, variable: Variable) -> None:
        """Combine the lanes of an accumulator with its target."""
        combine = REDUCTIONS[step.operation].combine
        value = across_lanes(variable.get(), step.operation)
        outer = self.places.get(step.target)
        if outer is None and self.layout.is_register(step.target):
            outer = self.register(step.target)
        if outer is not None:
            outer.set(combine(self.builder, outer.get(), value))
        else:
            self.store(step, value, lambda old, new: combine(self.builder, old, new))
        self.expressions.forget(step.target)

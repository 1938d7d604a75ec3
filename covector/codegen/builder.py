"""LLVM IR as text, one instruction after another: values that know their type, blocks, loops.

A `Value` has a dtype and a width (1, or the lanes of a vector) and supports arithmetic; a number or a narrower value
beside it is widened. Arithmetic is exact IEEE arithmetic unless ``fast`` flags are on: mathematics relies on that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction

from covector.codegen.module import Module
from covector.codegen.types import MEMORY, REGISTER, constant, conversion, suffix_of, type_of

Number = int | float | Fraction


@dataclass(frozen=True, slots=True)
class Value:
    """The result of an instruction, an argument or a constant: ``text`` names it."""

    builder: Builder
    text: str
    dtype: str
    width: int = 1

    @property
    def type(self) -> str:
        """Its LLVM type."""
        return type_of(self.dtype, self.width)

    @property
    def is_float(self) -> bool:
        """Whether it holds floating-point numbers."""
        return self.dtype in ("float32", "float64")

    def __str__(self) -> str:
        return f"{self.type} {self.text}"

    def __add__(self, other: Value | Number) -> Value:
        return self.builder.binary("fadd" if self.is_float else "add", self, other)

    def __sub__(self, other: Value | Number) -> Value:
        return self.builder.binary("fsub" if self.is_float else "sub", self, other)

    def __mul__(self, other: Value | Number) -> Value:
        return self.builder.binary("fmul" if self.is_float else "mul", self, other)

    def __truediv__(self, other: Value | Number) -> Value:
        return self.builder.binary("fdiv", self, other)

    def __radd__(self, other: Number) -> Value:
        return self.builder.lift(other, self) + self

    def __rsub__(self, other: Number) -> Value:
        return self.builder.lift(other, self) - self

    def __rmul__(self, other: Number) -> Value:
        return self.builder.lift(other, self) * self

    def __rtruediv__(self, other: Number) -> Value:
        return self.builder.lift(other, self) / self

    def __neg__(self) -> Value:
        if self.is_float:
            return self.builder.instruction(f"fneg {self}", self.dtype, self.width)
        return self.builder.lift(0, self) - self

    def __and__(self, other: Value | Number) -> Value:
        return self.builder.binary("and", self, other)

    def __or__(self, other: Value | Number) -> Value:
        return self.builder.binary("or", self, other)

    def __xor__(self, other: Value | Number) -> Value:
        return self.builder.binary("xor", self, other)

    def __invert__(self) -> Value:
        return self.builder.binary("xor", self, True if self.dtype == "bool" else -1)

    def __lshift__(self, other: Value | Number) -> Value:
        return self.builder.binary("shl", self, other)

    def __rshift__(self, other: Value | Number) -> Value:
        return self.builder.binary("ashr", self, other)

    def __lt__(self, other: Value | Number) -> Value:
        return self.compare("lt", other)

    def __le__(self, other: Value | Number) -> Value:
        return self.compare("le", other)

    def __gt__(self, other: Value | Number) -> Value:
        return self.compare("gt", other)

    def __ge__(self, other: Value | Number) -> Value:
        return self.compare("ge", other)

    def equals(self, other: Value | Number) -> Value:
        """Whether both are equal; NaN is not equal to anything."""
        return self.compare("eq", other)

    def differs(self, other: Value | Number) -> Value:
        """Whether both differ; NaN differs from everything."""
        return self.compare("ne", other)

    def is_nan(self) -> Value:
        """Whether it is NaN."""
        return self.builder.instruction(f"fcmp uno {self}, {self.text}", "bool", self.width)

    def compare(self, relation: str, other: Value | Number) -> Value:
        """A comparison: eq, ne, lt, le, gt or ge, signed; every one but ``ne`` is false for NaN."""
        first, second = self.builder.matched(self, other)
        if first.is_float:
            name = f"fcmp {'u' if relation == 'ne' else 'o'}{relation}"
        else:
            sign = "" if relation in ("eq", "ne") else "u" if first.dtype == "bool" else "s"
            name = f"icmp {sign}{relation}"
        return self.builder.instruction(f"{name} {first}, {second.text}", "bool", first.width)

    def where(self, then: Value | Number, otherwise: Value | Number) -> Value:
        """``then`` where this truth value holds, ``otherwise`` elsewhere; one of the two must be a value."""
        return self.builder.select(self, then, otherwise)

    def convert(self, dtype: str) -> Value:
        """The same number as another dtype, as NumPy's ``astype`` has it."""
        return self.builder.convert(self, dtype)

    def bits(self, dtype: str) -> Value:
        """The same bits as another dtype of that size."""
        return self.builder.instruction(f"bitcast {self} to {type_of(dtype, self.width)}", dtype, self.width)


Values = Sequence[Value]


class Builder:
    """One function being written, a block at a time."""

    def __init__(self, module: Module, name: str, parameters: Sequence[tuple[str, str]], result: str = "void") -> None:
        self.module, self.name, self.result = module, name, result
        self.parameters = tuple(parameters)
        self.lines: list[str] = []
        self.entry: list[str] = []
        self.block = "start"
        self.flags = ""
        self._count = 0

    def text(self) -> str:
        """The text of the whole function."""
        arguments = ", ".join(f"{kind} %{name}" for name, kind in self.parameters)
        head = f"define {self.result} @{self.name}({arguments}) #0 {{\nentry:"
        return "\n".join((head, *self.entry, " br label %start", "start:", *self.lines, "}"))

    def fresh(self, stem: str = "v") -> str:
        """A name that is not taken in the function."""
        self._count += 1
        return f"{stem}{self._count}"

    def emit(self, text: str) -> None:
        """Write an instruction that has no result."""
        self.lines.append(" " + text)

    def instruction(self, text: str, dtype: str, width: int = 1) -> Value:
        """Write an instruction that has a result."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f" {name} = {text}")
        return Value(self, name, dtype, width)

    def pointer(self, text: str) -> str:
        """Write an instruction whose result is an address, or another thing that is no `Value`."""
        name = "%" + self.fresh("p")
        self.lines.append(f" {name} = {text}")
        return name

    # Values

    def constant(self, value: Number, dtype: str, width: int = 1) -> Value:
        """A number as a value."""
        text = constant(value, dtype)
        return Value(self, text if width == 1 else f"splat ({REGISTER[dtype]} {text})", dtype, width)

    def lift(self, value: Value | Number, like: Value) -> Value:
        """A number as a value of the same type as another."""
        return value if isinstance(value, Value) else self.constant(value, like.dtype, like.width)

    def widen(self, value: Value, width: int) -> Value:
        """A value in every lane."""
        if value.width == width:
            return value
        assert value.width == 1, f"{value} cannot become {width} lanes"
        if not value.text.startswith("%"):
            return Value(self, f"splat ({value})", value.dtype, width)
        kind = type_of(value.dtype, width)
        first = self.instruction(f"insertelement {kind} poison, {value}, i64 0", value.dtype, width)
        return self.instruction(
            f"shufflevector {first}, {kind} poison, <{width} x i32> zeroinitializer", value.dtype, width
        )

    def matched(self, first: Value, second: Value | Number) -> tuple[Value, Value]:
        """Two values of one width."""
        second = self.lift(second, first)
        width = max(first.width, second.width)
        return self.widen(first, width), self.widen(second, width)

    def binary(self, name: str, first: Value, second: Value | Number) -> Value:
        """An instruction of two operands of one type."""
        first, second = self.matched(first, second)
        assert first.dtype == second.dtype, f"{name} of {first} and {second}"
        flags = self.flags if name[0] == "f" else ""
        return self.instruction(f"{name} {flags}{first}, {second.text}", first.dtype, first.width)

    def select(self, condition: Value, then: Value | Number, otherwise: Value | Number) -> Value:
        """One of two values, lane by lane."""
        like = then if isinstance(then, Value) else otherwise
        assert isinstance(like, Value)
        then, otherwise = self.lift(then, like), self.lift(otherwise, like)
        width = max(condition.width, then.width, otherwise.width)
        then, otherwise = self.widen(then, width), self.widen(otherwise, width)
        return self.instruction(f"select {self.widen(condition, width)}, {then}, {otherwise}", then.dtype, width)

    def call(self, function: str, result: str, given: Values, width: int | None = None, flags: str = "") -> Value:
        """A call of a function that is declared on the way; its result has the width of the arguments."""
        width = given[0].width if width is None else width
        kinds = ", ".join(argument.type for argument in given)
        self.module.declare(f"declare {type_of(result, width)} @{function}({kinds})")
        return self.call_helper(function, result, given, width, flags)

    def call_helper(self, function: str, result: str, given: Values, width: int, flags: str = "") -> Value:
        """A call of a helper of the module."""
        arguments = ", ".join(map(str, given))
        head = f"call {flags} " if flags else "call "
        return self.instruction(f"{head}{type_of(result, width)} @{function}({arguments})", result, width)

    def intrinsic(self, name: str, *arguments: Value | Number, flags: str = "") -> Value:
        """A call of an LLVM intrinsic that maps values of one type to that type, with fast-math flags of its own."""
        like = next(argument for argument in arguments if isinstance(argument, Value))
        width = max(argument.width for argument in arguments if isinstance(argument, Value))
        given = [self.widen(self.lift(argument, like), width) for argument in arguments]
        return self.call(f"llvm.{name}.{suffix_of(like.dtype, width)}", like.dtype, given, flags=flags)

    def multiply_add(self, first: Value, second: Value | Number, third: Value | Number) -> Value:
        """``first·second + third``, rounded once."""
        return self.intrinsic("fma", first, second, third)

    def convert(self, value: Value, dtype: str) -> Value:
        """A value as another dtype, as NumPy's ``astype`` has it."""
        if value.dtype == dtype:
            return value
        if dtype == "bool":
            return value.differs(0)
        kind = type_of(dtype, value.width)
        if value.is_float and dtype in ("int32", "int64"):
            name = f"llvm.fptosi.sat.{suffix_of(dtype, value.width)}.{suffix_of(value.dtype, value.width)}"
            return self.call(name, dtype, [value])
        return self.instruction(f"{conversion(value.dtype, dtype)} {value} to {kind}", dtype, value.width)

    def floor_division(self, top: Value, bottom: Value, nonnegative: bool = False) -> Value:
        """``⌊top / bottom⌋`` of integers, the divisor positive."""
        if nonnegative:
            return self.binary("udiv", top, bottom)
        quotient = self.binary("sdiv", top, bottom)
        return (quotient * bottom > top).where(quotient - 1, quotient)

    def any_lane(self, condition: Value) -> Value:
        """Whether a condition holds in some lane."""
        if condition.width == 1:
            return condition
        bits = self.pointer(f"bitcast {condition} to i{condition.width}")
        return self.instruction(f"icmp ne i{condition.width} {bits}, 0", "bool")

    def lanes(self, width: int, dtype: str = "int64", step: int = 1) -> Value:
        """The numbers of the lanes, times a step: 0, 1, 2, …"""
        numbers = ", ".join(f"{REGISTER[dtype]} {lane * step}" for lane in range(width))
        return Value(self, f"<{numbers}>", dtype, width)

    # Memory

    def variable(self, initial: Value) -> Variable:
        """A value that changes in the course of the function; it is kept in a register where that can be."""
        name = "%" + self.fresh("m")
        self.entry.append(f" {name} = alloca {initial.type}")
        variable = Variable(self, name, initial.dtype, initial.width)
        variable.set(initial)
        return variable

    def offset(self, pointer: str, position: Value | int, dtype: str) -> str:
        """The address of an element."""
        at = position.text if isinstance(position, Value) else str(position)
        return pointer if at == "0" else self.pointer(f"getelementptr {MEMORY[dtype]}, ptr {pointer}, i64 {at}")

    # Blocks

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")
        self.block = name

    def jump(self, label: str) -> None:
        """End a block by going to another one."""
        self.emit(f"br label %{label}")

    def branch(self, condition: Value, then: str, otherwise: str) -> None:
        """End a block by going to one of two."""
        self.emit(f"br {condition}, label %{then}, label %{otherwise}")

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """A part that runs only where a condition holds."""
        inside, after = self.fresh("then"), self.fresh("after")
        self.branch(condition, inside, after)
        self.label(inside)
        yield
        self.jump(after)
        self.label(after)

    @contextmanager
    def loop(self, low: Value, high: Value, step: int = 1) -> Iterator[Value]:
        """A part that runs for ``low``, ``low + step``, … below ``high``; the caller made sure that it runs once."""
        body, after, counter = self.fresh("loop"), self.fresh("after"), self.fresh("i")
        latch = body + ".next"
        before = self.block
        self.jump(body)
        self.label(body)
        self.lines.append(f" %{counter} = phi i64 [ {low.text}, %{before} ], [ %{counter}.next, %{latch} ]")
        yield Value(self, f"%{counter}", "int64")
        self.jump(latch)
        self.label(latch)
        self.emit(f"%{counter}.next = add nsw i64 %{counter}, {step}")
        again = self.instruction(f"icmp slt i64 %{counter}.next, {high.text}", "bool")
        self.branch(again, body, after)
        self.label(after)

    @contextmanager
    def fast(self, flags: str) -> Iterator[None]:
        """A part whose arithmetic may be rearranged as LLVM's fast-math ``flags`` say."""
        before, self.flags = self.flags, flags + " " if flags else ""
        yield
        self.flags = before


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that changes."""

    builder: Builder
    name: str
    dtype: str
    width: int

    def get(self) -> Value:
        """What it is now."""
        return self.builder.instruction(
            f"load {type_of(self.dtype, self.width)}, ptr {self.name}", self.dtype, self.width
        )

    def set(self, value: Value) -> None:
        """Make it something else."""
        self.builder.emit(f"store {self.builder.widen(value, self.width)}, ptr {self.name}")

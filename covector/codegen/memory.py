"""Loads and stores: the addresses of a function's tensors, masks, and what is known not to share memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from covector.codegen.builder import Builder, Value
from covector.codegen.layout import NOTHING, Layout, Root, Word
from covector.codegen.types import BYTES, MEMORY, suffix_of
from covector.ir import Affine, Compute, Floor, Mod, Symbol, Tensor
from covector.ir.node import Node

WORDS, THREAD = "%words", "%thread"


class Memory:
    """The memory of one function: ``(words, thread, threads)`` are its parameters, ``words`` what it wants to get."""

    def __init__(self, builder: Builder, layout: Layout, roots: Iterable[Root]) -> None:
        self.builder, self.layout = builder, layout
        self.copied: set[Tensor] = set()
        self.elsewhere: set[Tensor] = set()
        self.refuses = False
        """Whether something may set the error word."""
        self.scopes = self._scopes(tuple(dict.fromkeys(roots)))
        self.words: dict[Word, str] = {}
        self._pointers: dict[Tensor, str] = {}

    def _scopes(self, roots: tuple[Root, ...]) -> dict[Root, str]:
        """What every access to a root is marked with: it is in its own scope and in no other one."""
        module = self.builder.module
        domain = module.node(f'!{{!"{self.builder.name}"}}')
        names = {root: module.node(f'!{{!"{self.builder.name}.{n}", {domain}}}') for n, root in enumerate(roots)}
        marks = {}
        for root, name in names.items():
            others = ", ".join(other for other in names.values() if other != name)
            mark = f", !alias.scope {module.node(f'!{{{name}}}')}"
            marks[root] = mark + (f", !noalias {module.node(f'!{{{others}}}')}" if others else "")
        return marks

    # Addresses; they are found once, at the start of the function.

    def word(self, word: Word, kind: str) -> str:
        """A word that the function is given, as an address (``ptr``) or a number (``i64``)."""
        if word not in self.words:
            number = len(self.words)
            name = self.words[word] = f"%word{number}"
            self.builder.entry.append(f" {name}.at = getelementptr i64, ptr {WORDS}, i64 {number}")
            self.builder.entry.append(f" {name} = load {kind}, ptr {name}.at, !invariant.load !0")
        return self.words[word]

    def address(self, slot: int, offset: Affine = NOTHING) -> str:
        """The address that is some bytes after one of the table."""
        return self.word(Word(slot, offset), "ptr")

    def extent(self, form: Affine) -> Value:
        """An extent as the function is given it; for what is not to be part of its text."""
        return Value(self.builder, self.word(Word(self.layout.table.zero, form), "i64"), "int64")

    def symbol(self, symbol: Symbol) -> Value:
        """The value of a symbol."""
        table = self.layout.table
        slot = table.first_symbol + table.symbols.index(symbol.name)
        return Value(self.builder, self.word(Word(slot), "i64"), "int64")

    def pointer(self, tensor: Tensor) -> str:
        """The address of a tensor's first element."""
        if tensor not in self._pointers:
            self._pointers[tensor] = self._pointer(tensor)
        return self._pointers[tensor]

    @contextmanager
    def moved(self, tensor: Tensor, address: str) -> Iterator[None]:
        """A part in which a tensor is somewhere else."""
        before, self._pointers[tensor] = self.pointer(tensor), address
        self.elsewhere.add(tensor)
        yield
        self._pointers[tensor] = before
        self.elsewhere.remove(tensor)

    def _pointer(self, tensor: Tensor) -> str:
        own = self._own_pointer(tensor)
        if tensor not in self.copied:
            return own
        assert isinstance(tensor, Compute)
        copy, name = self.thread_pointer(self.layout.copies[tensor]), f"%shared{len(self._pointers)}"
        self.builder.entry.append(f" {name}.first = icmp eq i64 {THREAD}, 0")
        self.builder.entry.append(f" {name} = select i1 {name}.first, ptr {own}, ptr {copy}")
        return name

    def _own_pointer(self, tensor: Tensor) -> str:
        table, storage = self.layout.table, self.layout.storage(tensor)
        if tensor in self.layout.frame:
            return self.address(table.arena, self.layout.frame[tensor])
        if storage.place == "input":
            return self.address(storage.slot)
        if storage.place == "output":
            return self.address(table.inputs + storage.slot)
        assert storage.offset is not None, f"{tensor.name} is in no memory"
        if storage.place == "arena":
            return self.address(table.arena, storage.offset)
        return self.thread_pointer(storage.offset)

    def thread_pointer(self, offset: Affine) -> str:
        """An address in the thread's own memory."""
        first = self.address(self.layout.table.thread, offset)
        skipped, name = (f"%{self.builder.fresh('e')}" for _ in range(2))
        size = self.extent(self.layout.thread)
        self.builder.entry.append(f" {skipped} = mul {size}, {THREAD}")
        self.builder.entry.append(f" {name} = getelementptr i8, ptr {first}, i64 {skipped}")
        return name

    def scratch(self) -> str:
        """The memory that contraction kernels use in the thread's own memory."""
        return self.thread_pointer(self.layout.scratch)

    # Accesses

    def load(self, tensor: Tensor, at: Value, width: int, condition: Value | None) -> Value:
        """Elements that lie side by side, zero where a condition does not hold."""
        return self.load_from(self.pointer(tensor), tensor, at, width, condition)

    def load_from(self, base: str, tensor: Tensor, at: Value, width: int, condition: Value | None) -> Value:
        """Elements of a tensor that begins at another address than its own."""
        build, size = self.builder, BYTES[tensor.dtype]
        kind = _memory_type(tensor.dtype, width)
        if condition is not None and width == 1:
            at = condition.where(at, 0)
        address = build.offset(base, at, tensor.dtype)
        mark = self.scopes[self.layout.root(tensor)]
        if condition is None or width == 1:
            found = build.instruction(f"load {kind}, ptr {address}, align {size}{mark}", _stored(tensor), width)
        else:
            name = f"llvm.masked.load.{suffix_of(_stored(tensor), width)}.p0"
            build.module.declare(f"declare {kind} @{name}(ptr, i32, <{width} x i1>, {kind})")
            mask = build.widen(condition, width)
            text = f"call {kind} @{name}(ptr {address}, i32 {size}, {mask}, {kind} zeroinitializer){mark}"
            found = build.instruction(text, _stored(tensor), width)
        found = found.differs(0) if tensor.dtype == "bool" else found
        return condition.where(found, 0) if condition is not None and width == 1 else found

    def gather(self, tensor: Tensor, at: Value, width: int, condition: Value | None) -> Value:
        """Elements from anywhere, zero where a condition does not hold."""
        build, kind = self.builder, _memory_type(tensor.dtype, width)
        name = f"llvm.masked.gather.{suffix_of(_stored(tensor), width)}.v{width}p0"
        build.module.declare(f"declare {kind} @{name}(<{width} x ptr>, i32, <{width} x i1>, {kind})")
        places = self._addresses(tensor, at, width)
        mask = build.widen(build.constant(True, "bool") if condition is None else condition, width)
        text = f"call {kind} @{name}({places}, i32 {BYTES[tensor.dtype]}, {mask}, {kind} zeroinitializer)"
        found = build.instruction(text + self.scopes[self.layout.root(tensor)], _stored(tensor), width)
        return found.differs(0) if tensor.dtype == "bool" else found

    def store(self, tensor: Tensor, at: Value, value: Value, condition: Value | None) -> None:
        """Write elements that lie side by side, where a condition holds."""
        build, width, size = self.builder, value.width, BYTES[tensor.dtype]
        value = value.convert("int8") if tensor.dtype == "bool" else value
        mark = self.scopes[self.layout.root(tensor)]
        if condition is not None and width == 1:
            with build.when(condition):
                address = build.offset(self.pointer(tensor), at, tensor.dtype)
                build.emit(f"store {value}, ptr {address}, align {size}{mark}")
            return
        address = build.offset(self.pointer(tensor), at, tensor.dtype)
        if condition is None:
            build.emit(f"store {value}, ptr {address}, align {size}{mark}")
            return
        name = f"llvm.masked.store.{suffix_of(value.dtype, width)}.p0"
        build.module.declare(f"declare void @{name}({value.type}, ptr, i32, <{width} x i1>)")
        build.emit(f"call void @{name}({value}, ptr {address}, i32 {size}, {build.widen(condition, width)}){mark}")

    def scatter(self, tensor: Tensor, at: Value, value: Value, condition: Value | None) -> None:
        """Write elements anywhere, each to a place of its own, where a condition holds."""
        build, width = self.builder, value.width
        value = value.convert("int8") if tensor.dtype == "bool" else value
        name = f"llvm.masked.scatter.{suffix_of(value.dtype, width)}.v{width}p0"
        build.module.declare(f"declare void @{name}({value.type}, <{width} x ptr>, i32, <{width} x i1>)")
        mask = build.widen(build.constant(True, "bool") if condition is None else condition, width)
        places = self._addresses(tensor, at, width)
        mark = self.scopes[self.layout.root(tensor)]
        build.emit(f"call void @{name}({value}, {places}, i32 {BYTES[tensor.dtype]}, {mask}){mark}")

    def _addresses(self, tensor: Tensor, at: Value, width: int) -> str:
        places = self.builder.widen(at, width)
        base = self.pointer(tensor)
        text = f"getelementptr {MEMORY[tensor.dtype]}, ptr {base}, {places}"
        return f"<{width} x ptr> {self.builder.pointer(text)}"

    def set_error(self) -> None:
        """Say that a position was outside the bounds."""
        self.refuses = True
        self.builder.emit(f"store i64 1, ptr {self.address(self.layout.table.error)}")


def extent_value(form: Affine, memory: Memory) -> Value:
    """The value of an expression of symbols alone."""
    build = memory.builder
    total = build.constant(form.constant, "int64")
    for monomial, coefficient in form.terms:
        product = build.constant(coefficient, "int64")
        for atom in monomial:
            product = product * _extent_atom(atom, memory)
        total = total + product
    return total


def _extent_atom(atom: Node, memory: Memory) -> Value:
    if isinstance(atom, Symbol):
        return memory.symbol(atom)
    assert isinstance(atom, (Floor, Mod))
    top, bottom = extent_value(atom.numerator, memory), extent_value(atom.denominator, memory)
    quotient = memory.builder.floor_division(top, bottom)
    return quotient if isinstance(atom, Floor) else top - quotient * bottom


def _stored(tensor: Tensor) -> str:
    """The dtype of a tensor's elements as they lie in memory."""
    return "int8" if tensor.dtype == "bool" else tensor.dtype


def _memory_type(dtype: str, width: int) -> str:
    return MEMORY[dtype] if width == 1 else f"<{width} x {MEMORY[dtype]}>"

"""LLVM IR text as machine code of this processor, in memory; nothing else imports LLVM."""

from __future__ import annotations

import ctypes
import platform
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count

import llvmlite
import llvmlite.binding as llvm

from covector.codegen.target import Target
from covector.errors import CovectorError
from covector.native.forks import held_at_fork

held_at_fork(llvm.ffi.lib._lock._lock)  # of llvmlite, which has no name for it: no other thread is in LLVM at a fork

LEVEL = 1
"""How hard LLVM tries to make good machine code; a higher level takes longer, and the code runs no faster."""

PASSES = ("sroa", "instruction_combine", "simplify_cfg")
"""What LLVM does to the text before it becomes machine code: little, since loops and vectors are final there."""


@dataclass(frozen=True, slots=True)
class Host:
    """This processor: its name, its features as LLVM writes them, and what code for it may use."""

    name: str
    features: str
    target: Target


@cache
def host() -> Host:
    """This processor, found out once."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features()
    wide = 64 if features.get("avx512f") and features.get("avx512vl") else 32 if features.get("avx") else 16
    scales = wide == 64 and features.get("avx512dq", False)
    return Host(llvm.get_host_cpu_name(), features.flatten(), Target(wide, scales, platform.machine()))


def version() -> str:
    """What machine code depends on beside its text and the processor."""
    return f"{llvmlite.__version__} {'.'.join(map(str, llvm.llvm_version_info))} {LEVEL} {' '.join(PASSES)}"


_machines: deque[llvm.TargetMachine] = deque()
"""What makes machine code, where no thread uses it now: one serves one thread at a time."""


@contextmanager
def _machine() -> Iterator[llvm.TargetMachine]:
    here = host()
    try:
        machine = _machines.pop()
    except IndexError:
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=here.name, features=here.features, opt=LEVEL, reloc="pic", codemodel="small"
        )
    yield machine
    _machines.append(machine)


class CodeError(CovectorError):
    """LLVM cannot make code of a text on this processor."""


def _optimised(text: str, machine: llvm.TargetMachine) -> llvm.ModuleRef:
    """A module made from text, after the passes; no other thread has to do with it."""
    try:
        module = llvm.parse_assembly(text, llvm.create_context())
    except RuntimeError as error:  # what llvmlite raises for everything
        raise CodeError(f"LLVM: {error}") from error
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    manager = llvm.create_new_function_pass_manager()
    for name in PASSES:
        getattr(manager, f"add_{name}_pass")()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)
    return module


_emit = llvm.ffi.lib.LLVMPY_TargetMachineEmitToMemory
_emit_unlocked = getattr(_emit, "_cfn", _emit)
"""What emits an object file, without llvmlite's lock that lets one thread at a time call LLVM: modules of different
contexts and different machines have nothing in common, so that LLVM needs none here."""


def object_code(text: str) -> bytes:
    """The object file of a text; several threads may make some at once."""
    with _machine() as machine, llvm.ffi.OutputString() as error:
        module = _optimised(text, machine)
        buffer = _emit_unlocked(machine, module, 1, error)
        if not buffer:
            raise CodeError(f"LLVM: {error}")
        try:
            return ctypes.string_at(
                llvm.ffi.lib.LLVMPY_GetBufferStart(buffer), llvm.ffi.lib.LLVMPY_GetBufferSize(buffer)
            )
        finally:
            llvm.ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def assembly(text: str) -> str:
    """The assembly of a text, for people."""
    with _machine() as machine:
        listing: str = machine.emit_assembly(_optimised(text, machine))
        return listing


@cache
def _linker() -> llvm.LLJIT:
    """What puts object files into memory: each with its constants beside it, wherever in the address space that is."""
    host()
    return llvm.create_lljit_compiler(use_jit_link=True)


_NUMBERS = count()


class Code:
    """An object file in memory; it stays there as long as this object does.

    ``imported`` are the addresses of functions that it calls, beside those that the process has anyway.
    """

    def __init__(self, code: bytes, exported: Iterable[str], imported: Mapping[str, int] | None = None) -> None:
        library = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for name, known in (imported or {}).items():
            library.import_symbol(name, known)
        for name in exported:
            library.export_symbol(name)
        try:
            self._tracker = library.link(_linker(), f"covector{next(_NUMBERS)}")
        except RuntimeError as error:
            raise CodeError(f"LLVM: {error}") from error

    def address(self, name: str) -> int:
        """The address of a function that was exported."""
        return int(self._tracker[name])

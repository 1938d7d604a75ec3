"""LLVM IR text as machine code of this processor, in memory; nothing else imports LLVM."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count

import llvmlite
import llvmlite.binding as llvm

from covector.codegen.target import Target

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


@cache
def _machine() -> llvm.TargetMachine:
    here = host()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=here.name, features=here.features, opt=LEVEL, reloc="pic", codemodel="small"
    )


def optimised(text: str) -> llvm.ModuleRef:
    """A module made from text, after the passes."""
    machine = _machine()
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=2))
    manager = llvm.create_new_function_pass_manager()
    for name in PASSES:
        getattr(manager, f"add_{name}_pass")()
    for function in module.functions:
        if not function.is_declaration:
            manager.run(function, builder)
    return module


def object_code(text: str) -> bytes:
    """The object file of a text."""
    code: bytes = _machine().emit_object(optimised(text))
    return code


def assembly(text: str) -> str:
    """The assembly of a text, for people."""
    listing: str = _machine().emit_assembly(optimised(text))
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
        self._tracker = library.link(_linker(), f"covector{next(_NUMBERS)}")

    def address(self, name: str) -> int:
        """The address of a function that was exported."""
        return int(self._tracker[name])

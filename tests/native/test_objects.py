"""Functions of programs are compiled once: equal ones are one, whatever program they are in; others never are."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from covector.codegen.contraction_pack import pack_kernel
from covector.codegen.emit import emit
from covector.codegen.module import Module, Unit
from covector.codegen.target import PORTABLE, Target
from covector.frontend import read_program
from covector.ir import Program
from covector.native import jit, objects
from covector.native.cache import Cache
from covector.native.engine import compile_program
from covector.schedule.plan_program import plan

ALONE = "y[i] = exp(x[i])*2"
BEHIND = "s = sum[j](w[j])\n\nz[i] = s*w[i]\n\ny[i] = exp(x[i])*2"
MATRICES = "y[i,j] = sum[k](a[i,k]*b[k,j])"


def whole(source: str, declared: dict[str, str]) -> Program:
    """A program whose results are all that it defines."""
    read = read_program(source, declared)
    return Program(read.inputs, read.statements, read.statements)


def texts(source: str, declared: dict[str, str]) -> set[str]:
    """The texts of the functions of a program."""
    return {unit.text for unit in emit(plan(whole(source, declared), {}), jit.host().target).units}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are compiled from now on."""
    found: list[str] = []
    make = jit.object_code

    def note(text: str) -> bytes:
        found.append(text)
        return make(text)

    monkeypatch.setattr(jit, "object_code", note)
    return found


def test_a_function_does_not_depend_on_the_program_around_it() -> None:
    alone = texts(ALONE, {"x": "1000 float32"})
    assert len(alone) == 1
    assert alone < texts(BEHIND, {"x": "1000 float32", "w": "70 float32"})


@pytest.mark.parametrize(
    ("source", "declared"),
    [
        ("y[i] = exp(x[i])*3", "1000 float32"),
        ("y[i] = exp(x[i])*2.000001", "1000 float32"),
        ("y[i] = exp(-x[i])*2", "1000 float32"),
        (ALONE, "1001 float32"),
        (ALONE, "1000 float64"),
    ],
)
def test_whatever_changes_a_result_changes_the_text(source: str, declared: str) -> None:
    assert not texts(ALONE, {"x": "1000 float32"}) & texts(source, {"x": declared})


def test_equal_products_are_one_kernel() -> None:
    square = "64 64 float32"
    one = texts(MATRICES, {"a": square, "b": square})
    two = texts(f"{MATRICES}\n\nz[i,j] = sum[k](y[i,k]*c[k,j])", {"a": square, "b": square, "c": square})
    assert one == two
    assert any("@contraction." in text for text in one)
    other = texts("y[i,j] = sum[k](a[i,k]*b[k,j])", {"a": "64 65 float32", "b": "65 64 float32"})
    assert {text for text in one & other if "define void @kernel(" in text} == set()


def test_what_another_program_compiled_is_not_compiled_again(made: list[str]) -> None:
    first = compile_program(read_program(ALONE, {"x": "1000"}))
    count = len(made)
    second = compile_program(whole(BEHIND, {"x": "1000", "w": "70"}))
    assert len(set(made)) == len(made)
    assert first.code is not None
    assert second.code is not None
    shared = set(first.code.calls.linked) & set(second.code.calls.linked)
    assert len(shared) == 1
    assert len(made) > count
    x = np.linspace(-1, 1, 1000)
    np.testing.assert_array_equal(first.run([x])[0], second.run([x, np.ones(70)])[-1])


def test_a_changed_constant_gives_another_result() -> None:
    x = np.ones(50)
    values = [compile_program(read_program(f"y[i] = {n}*x[i]", {"x": "50"})).run([x])[0][0] for n in (2, 3, 2.5)]
    assert values == [2, 3, 2.5]


def test_on_disk_every_function_is_a_file(own_cache: Cache, made: list[str]) -> None:
    compile_program(read_program(ALONE, {"x": "333"}))
    objects._linked.clear()
    compile_program(read_program("z[i] = x[i] + 1\n\ny[i] = exp(x[i])*2", {"x": "333"}))
    assert len(set(made)) == len(made)
    assert own_cache.directory is not None
    assert len([path for path in own_cache.directory.rglob("*") if path.is_file()]) == len(made)


def _unit(name: str, number: int, imports: tuple[str, ...] = ()) -> Unit:
    module = Module(PORTABLE)

    def write() -> str:
        for called in imports:
            module.external(called, f"declare i64 @{called}()")
        lines = [f" %v{n} = call i64 @{called}()" for n, called in enumerate(imports)]
        return "\n".join([f"define i64 @{name}() #0 {{", *lines, f" ret i64 {number if not imports else '%v0'}", "}"])

    return module.unit(name, write)


def test_a_function_is_in_memory_once_and_not_for_good() -> None:
    first, again, other = (objects.link([_unit("f", n)], {}, 1)[0] for n in (7, 7, 8))
    assert first is again
    assert other is not first
    before = len(objects._linked)
    del first, again, other
    gc.collect()
    assert len(objects._linked) == before - 2


def test_equal_functions_that_call_different_ones_differ() -> None:
    seven, eight = (objects.link([_unit("f", n), _unit("g", 0, ("f",))], {}, 1) for n in (7, 8))
    assert _unit("g", 0, ("f",)).text == _unit("g", 0, ("f",)).text
    assert seven[1] is not eight[1]
    assert objects.link([_unit("f", 7), _unit("g", 0, ("f",))], {}, 1)[1] is seven[1]


def test_what_is_called_stays_in_memory() -> None:
    caller = objects.link([_unit("f", 7), _unit("g", 0, ("f",))], {}, 1)[1]
    gc.collect()
    assert any(key[0] == _unit("f", 7).text for key in objects._linked)
    assert caller.address


def test_threads_share_what_is_to_be_compiled(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    both, make = threading.Barrier(2, timeout=30), jit.object_code

    def meet(text: str) -> bytes:
        both.wait()
        return make(text)

    monkeypatch.setattr(jit, "object_code", meet)
    units = [_unit("f", n) for n in range(40, 46)]
    found = objects.object_codes([unit.text for unit in units], 2)
    assert sorted(made) == sorted(unit.text for unit in units)
    assert found[units[0].text] != found[units[1].text]


def test_an_error_of_a_thread_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="expected"):
        objects.object_codes([f"nonsense {n}" for n in range(3)], 2)


def test_helpers_are_written_once_for_each_target() -> None:
    def helper(target: Target) -> Unit:
        module = Module(target)
        name = packing(module)
        return module.helpers[name]

    assert helper(PORTABLE) is helper(PORTABLE)
    assert helper(Target(32)).text != helper(PORTABLE).text


def packing(module: Module) -> str:
    """A helper that vectors are copied with."""
    return pack_kernel(module, "float32", module.target.lanes("float32"), 1, 8)

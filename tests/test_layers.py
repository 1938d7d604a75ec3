"""Data flows one way, and the other rules of the house.

`LAYERS` is the order of the rooms: a room may import those of the layers before its own, and itself. The rules
themselves are functions over source text, in `tests/support/architecture.py`; the second half of this file shows that
each can fail.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.support import architecture
from tests.support.architecture import Module

LAYERS: list[tuple[str, ...]] = [
    ("errors",),
    ("ir",),
    ("ops",),
    ("notation",),
    ("frontend",),
    ("run",),
    ("calculus",),
    ("schedule",),
    ("codegen",),
    ("native",),
    ("tensors",),
    ("transforms",),
    ("matrix",),
    ("export",),
    ("derivation",),
    ("jacobians",),
    ("nn",),
    ("optim",),
    ("data",),
    ("checker",),
    ("notes",),
    ("cli",),
]
# Optional packages; everything else is imported at the top.
IMPORTED_IN_FUNCTIONS = {"IPython", "jax", "matplotlib", "scipy", "torch"}
IMPORTED_BY_NAME = {"covector"}  # the modules that may use import_module
LOADED_BY_PYTEST = {"covector.checker.pytest_checks", "covector.checker.pytest_plugin"}  # where pytest is, of course
MOST_LINES = 450
LONGER = {"tests/support/generator.py": 650}  # one random choice after another; it has no parts to take away

ROOT = Path(__file__).resolve().parents[1]
MODULES = architecture.load(ROOT / "covector")
each_module = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def test_each_room_imports_only_lower_rooms() -> None:
    assert architecture.layer_errors(MODULES, LAYERS) == []


def test_there_are_no_import_cycles() -> None:
    assert architecture.cycle_errors(architecture.import_graph(MODULES)) == []


def test_each_folder_is_a_package() -> None:
    assert architecture.package_errors(ROOT / "covector") == []


@each_module
def test_functions_import_only_optional_packages(module: Module) -> None:
    assert architecture.local_import_errors(module, IMPORTED_IN_FUNCTIONS) == []
    assert architecture.dynamic_import_errors(module, IMPORTED_BY_NAME) == []


@each_module
def test_modules_import_only_core_dependencies(module: Module) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    core = {
        re.split(r"[^\w-]", requirement, maxsplit=1)[0].replace("-", "_") for requirement in project["dependencies"]
    }
    allowed = core | {"covector"} | ({"pytest"} if module.name in LOADED_BY_PYTEST else set())
    assert architecture.dependency_errors(module, allowed) == []


@each_module
def test_nothing_is_evaluated_or_unpickled(module: Module) -> None:
    assert architecture.forbidden_errors(module) == []


@each_module
def test_each_room_says_what_it_is_for(module: Module) -> None:
    assert architecture.docstring_errors(module) == []


@pytest.mark.parametrize("folder", ["covector", "tests", "examples", "benchmarks"])
def test_files_stay_short(folder: str) -> None:
    paths = [path for path in sorted((ROOT / folder).rglob("*.py")) if "node_modules" not in path.parts]
    texts = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in paths}
    limits = {name: LONGER.get(name, MOST_LINES) for name in texts}
    errors = [error for name, text in texts.items() for error in architecture.length_errors(name, text, limits[name])]
    assert errors == []


# Each rule can fail.

LOW, HIGH = "covector.errors", "covector.cli"


def layers_of(name: str, text: str, *, is_package: bool = False) -> list[str]:
    others = [Module("covector", "", True), Module("covector.errors", ""), Module("covector.cli", "")]
    others += [Module("covector.matrix", ""), Module("covector.export", ""), Module("covector.ir", "", True)]
    others += [Module("covector.ir.node", ""), Module("covector.ir.element", "")]
    modules = [module for module in others if module.name != name]
    return architecture.layer_errors([*modules, Module(name, text, is_package)], LAYERS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (LOW, "import covector.cli"),
        (LOW, "from covector import cli"),
        (LOW, "from covector.cli import main"),
        (LOW, "from .cli import main"),
        (LOW, "from . import cli"),
        (LOW, "import covector"),
        (HIGH, "from covector import grad"),
        ("covector.ir.node", "from ..cli import main"),
        ("covector.ir.node", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from covector.cli import main"),
        ("covector.ir.node", "def f():\n    from covector.cli import main"),
        ("covector.matrix", "import covector.export"),
        (LOW, "from covector import __main__ as m\nimport covector.__main__"),
        ("covector.attic", ""),
    ],
)
def test_an_upward_import_is_found(name: str, text: str) -> None:
    assert layers_of(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (HIGH, "from covector.errors import CovectorError\nimport covector.ir.node\nimport numpy"),
        (HIGH, "from covector import ir, export\nfrom . import errors"),
        (
            "covector.ir.node",
            "from covector.ir import element\nfrom . import element as f\nfrom ..errors import IRError",
        ),
        ("covector", "from covector.cli import main"),
        ("covector.__main__", "from covector import grad\nfrom covector.cli import main"),
    ],
)
def test_a_downward_import_is_not(name: str, text: str) -> None:
    assert layers_of(name, text, is_package=name == "covector") == []


def test_an_import_cycle_is_found() -> None:
    package = Module("covector.ir", "from covector.ir.a import A", True)
    a = Module("covector.ir.a", "from . import b")
    b = Module("covector.ir.b", "from .c import C")
    c = Module("covector.ir.c", "import covector.ir.a")
    apart = Module("covector.ir.d", "from covector.ir.a import A")
    graph = architecture.import_graph([package, a, b, c, apart])
    assert architecture.cycle_errors(graph) == ["import cycle: covector.ir.a, covector.ir.b, covector.ir.c"]
    # A name taken from the package closes a cycle through its __init__.
    through = architecture.import_graph([package, Module("covector.ir.a", "from covector.ir import A")])
    assert architecture.cycle_errors(through) == ["import cycle: covector.ir, covector.ir.a"]
    assert architecture.cycle_errors(architecture.import_graph([package, Module("covector.ir.a", "")])) == []


def test_types_that_name_each_other_are_no_cycle() -> None:
    a = Module("covector.ir.a", "from covector.ir.b import B")
    typed = Module(
        "covector.ir.b", "if TYPE_CHECKING:\n    from covector.ir.a import A\nelse:\n    import covector.ir.c"
    )
    graph = architecture.import_graph([a, typed, Module("covector.ir.c", "")])
    assert graph == {"covector.ir.a": {"covector.ir.b"}, "covector.ir.b": {"covector.ir.c"}, "covector.ir.c": set()}
    assert architecture.cycle_errors(graph) == []


def test_an_import_inside_a_function_is_found() -> None:
    text = (
        "import numpy\ndef f():\n    import torch\n    def g():\n        from . import nodes\n    import numpy.linalg\n"
    )
    errors = architecture.local_import_errors(Module("covector.ir.a", text), IMPORTED_IN_FUNCTIONS)
    assert len(errors) == 2
    assert "line 5" in errors[0]
    assert "line 6" in errors[1]


@pytest.mark.parametrize(
    "text", ["import importlib\nimportlib.import_module('a')", "from importlib import import_module"]
)
def test_an_import_by_name_is_found(text: str) -> None:
    assert architecture.dynamic_import_errors(Module(LOW, text), IMPORTED_BY_NAME)
    assert architecture.dynamic_import_errors(Module("covector", text, True), IMPORTED_BY_NAME) == []


def test_an_undeclared_dependency_is_found() -> None:
    text = "import numpy as np\nimport scipy.linalg\nimport json\nfrom . import errors\ndef f():\n    import torch\n"
    (error,) = architecture.dependency_errors(Module("covector.ir", text), {"covector", "numpy"})
    assert "line 2: imports scipy.linalg" in error


@pytest.mark.parametrize(
    "text",
    [
        "eval('1')",
        "f = exec",
        "import builtins\nbuiltins.eval('1')",
        "__import__('os')",
        "compile('1', '', 'eval')",
        "import pickle",
        "from pickle import loads",
    ],
)
def test_evaluation_and_unpickling_are_found(text: str) -> None:
    assert architecture.forbidden_errors(Module(LOW, text))


def test_a_method_called_eval_is_no_evaluation() -> None:
    assert architecture.forbidden_errors(Module(LOW, "model.eval()\nre.compile('a')  # eval('1')\n'exec(1)'")) == []


def test_a_missing_docstring_is_found() -> None:
    assert architecture.docstring_errors(Module("covector.ir", "# only a comment", True))
    assert architecture.docstring_errors(Module("covector.ir", '"""  """', True))
    assert architecture.docstring_errors(Module("covector.ir", '"""The room."""', True)) == []


def test_a_missing_init_is_found(tmp_path: Path) -> None:
    (tmp_path / "room").mkdir()
    (tmp_path / "__init__.py").touch()
    (tmp_path / "room" / "module.py").touch()
    (error,) = architecture.package_errors(tmp_path)
    assert "room: has no __init__.py" in error


def test_a_long_file_is_found() -> None:
    assert architecture.length_errors("a.py", "\n" * 451, 450) == ["a.py: has 451 lines, more than 450"]
    assert architecture.length_errors("a.py", "\n" * 450, 450) == []


def test_modules_are_loaded_by_their_dotted_names(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "room").mkdir(parents=True)
    for path in ("__init__.py", "top.py", "room/__init__.py", "room/inner.py"):
        (tmp_path / "pkg" / path).write_text("x = 1", encoding="utf-8")
    loaded = architecture.load(tmp_path / "pkg")
    assert [(m.name, m.is_package, m.room) for m in loaded] == [
        ("pkg", True, ""),
        ("pkg.room", True, "room"),
        ("pkg.room.inner", False, "room"),
        ("pkg.top", False, "top"),
    ]

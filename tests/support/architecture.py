"""The checks of the architecture: functions over the source text of modules, each returning what is wrong.

Between rooms every import counts, those under ``if TYPE_CHECKING`` too: a name that is needed for its type alone is
still an arrow. Within a room, modules whose types name each other may say so under ``if TYPE_CHECKING``: only what is
imported at run time can close a cycle.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FORBIDDEN_CALLS = frozenset({"eval", "exec", "compile", "__import__"})
FORBIDDEN_MODULES = frozenset({"pickle", "_pickle", "cloudpickle", "dill", "marshal", "shelve"})


@dataclass(frozen=True)
class Module:
    """A module by its dotted name, with its text; `is_package` where the file is an ``__init__.py``."""

    name: str
    text: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.name)

    @property
    def package(self) -> str:
        """The package that a relative import of one dot refers to."""
        return self.name if self.is_package else self.name.rpartition(".")[0]

    @property
    def room(self) -> str:
        """The first component under the root package: ``ir`` of ``covector.ir.nodes``; empty for the root itself."""
        return self.name.split(".")[1] if "." in self.name else ""


def load(folder: Path) -> list[Module]:
    """Every module of the package in a folder."""
    modules = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(Module(name, path.read_text(encoding="utf-8"), is_package))
    return modules


def _imports(module: Module, root: ast.AST, known: Collection[str]) -> Iterator[tuple[int, str]]:
    """The line and the module of each import under a node; ``from a import b`` is ``a.b`` where that is known."""
    for node in ast.walk(root):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.package.split(".")[: -(node.level - 1) or None] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in known else base


def _functions(module: Module) -> Iterator[ast.AST]:
    return (node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def import_graph(modules: Iterable[Module]) -> dict[str, set[str]]:
    """For each module, the modules of the same collection that it imports at run time."""
    modules = list(modules)
    known = {module.name for module in modules}
    graph = {}
    for module in modules:
        for_types = {
            found
            for node in ast.walk(module.tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
            for statement in node.body
            for found in _imports(module, statement, known)
        }
        at_run_time = set(_imports(module, module.tree, known)) - for_types
        graph[module.name] = {target for _, target in at_run_time if target in known}
    return graph


def layer_errors(modules: Iterable[Module], layers: Sequence[Sequence[str]]) -> list[str]:
    """Imports that do not point to a lower layer or to the importer's own room, and rooms that have no layer.

    The root package and its ``__main__`` lie above all layers.
    """
    modules = list(modules)
    root = modules[0].name.split(".")[0]
    level = {room: number for number, rooms in enumerate(layers) for room in rooms}
    level |= {"": len(layers), "__main__": len(layers) + 1}
    known = {module.name for module in modules}
    errors = [f"{module.name}: is in no layer" for module in modules if module.room not in level]
    for module in modules:
        for line, target in _imports(module, module.tree, known):
            first, _, rest = target.partition(".")
            room = rest.partition(".")[0]
            if first != root or room == module.room or module.room not in level or room not in level:
                continue
            if level[room] >= level[module.room]:
                errors.append(f"{module.name}, line {line}: imports {target}, which is not below it")
    return errors


def cycle_errors(graph: Mapping[str, Collection[str]]) -> list[str]:
    """The import cycles, each by its members: the strongly connected components, and modules that import themselves."""
    reach = {name: _reachable(graph, name) for name in graph}
    errors, seen = [], set()
    for name in sorted(graph):
        if name in reach[name] and name not in seen:
            members = sorted(other for other in reach[name] if name in reach[other])
            seen.update(members)
            errors.append("import cycle: " + ", ".join(members))
    return errors


def _reachable(graph: Mapping[str, Collection[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(graph[name])
    return found


def local_import_errors(module: Module, allowed: Collection[str]) -> list[str]:
    """Imports inside a function, other than of the optional packages that are allowed there."""
    found = {(line, target) for function in _functions(module) for line, target in _imports(module, function, ())}
    return [
        f"{module.name}, line {line}: imports {target} inside a function"
        for line, target in sorted(found)
        if target.split(".")[0] not in allowed
    ]


def dependency_errors(module: Module, allowed: Collection[str]) -> list[str]:
    """Imports outside of functions that are neither of the standard library nor allowed."""
    local = {found for function in _functions(module) for found in _imports(module, function, ())}
    return [
        f"{module.name}, line {line}: imports {target}, which is no core dependency"
        for line, target in _imports(module, module.tree, ())
        if (line, target) not in local
        and (first := target.split(".")[0]) not in allowed
        and first not in sys.stdlib_module_names
    ]


def forbidden_errors(module: Module) -> list[str]:
    """Uses of ``eval``, ``exec``, ``compile``, ``__import__``, and of the modules that unpickle."""
    errors = [
        f"{module.name}, line {line}: imports {target}"
        for line, target in _imports(module, module.tree, ())
        if target.split(".")[0] in FORBIDDEN_MODULES
    ]
    for node in ast.walk(module.tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="builtins"), attr=name) if name in FORBIDDEN_CALLS:
                errors.append(f"{module.name}, line {node.lineno}: uses {name}")
    return errors


def dynamic_import_errors(module: Module, allowed: Collection[str]) -> list[str]:
    """Uses of ``import_module``, which hides an arrow, outside of the modules that are allowed it."""
    errors = []
    for node in ast.walk(module.tree) if module.name not in allowed else ():
        match node:
            case ast.Name(id="import_module") | ast.Attribute(attr="import_module") | ast.alias(name="import_module"):
                errors.append(f"{module.name}, line {node.lineno}: uses import_module")
    return errors


def docstring_errors(module: Module) -> list[str]:
    """A package whose ``__init__.py`` does not say what the room is for."""
    if module.is_package and not (ast.get_docstring(module.tree) or "").strip():
        return [f"{module.name}: its __init__.py has no docstring"]
    return []


def package_errors(folder: Path) -> list[str]:
    """Folders that hold modules and have no ``__init__.py``."""
    folders = {path.parent for path in folder.rglob("*.py")}
    return [f"{inner}: has no __init__.py" for inner in sorted(folders) if not (inner / "__init__.py").exists()]


def length_errors(name: str, text: str, limit: int) -> list[str]:
    """A file of more lines than the limit."""
    lines = len(text.splitlines())
    return [f"{name}: has {lines} lines, more than {limit}"] if lines > limit else []

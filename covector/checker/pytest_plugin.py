"""The pytest plugin: the fixture ``check_gradient`` and the marker ``gradient``.

This module is loaded by every pytest run where covector is installed, so it imports nothing heavy; what checks is
loaded when the first gradient is checked.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import pytest

CHECKS = "covector.checker.pytest_checks"
MARKER = "gradient(of, inputs, …): check a backward; see covector.check. On a test, the backward is what it returns."


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


def checks(config: pytest.Config) -> Any:
    """The module that checks, loaded once."""
    if CHECKS not in sys.modules:
        config.pluginmanager.import_plugin(CHECKS)
    return sys.modules[CHECKS]


@pytest.fixture
def check_gradient(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Check a backward, as ``covector.check`` does, and fail with what is wrong; gives the verdict.

    ``check_gradient(backward, of=forward, inputs={"x": "M N"})``. What was found is recorded as properties of the test.
    """

    def check(backward: Any = None, **keywords: Any) -> Any:
        return checks(request.config).check(recorder(request.node), backward, keywords)

    return check


def recorder(item: pytest.Item) -> Callable[[str, object], None]:
    """What adds a property to a test, for the JUnit report and others."""

    def record(name: str, value: object) -> None:
        item.user_properties.append((name, value))

    return record


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: object) -> pytest.Item | None:
    """A function that is marked and is no test is a backward, and is checked itself."""
    if not inspect.isfunction(obj) or collector.funcnamefilter(name):  # type: ignore[attr-defined]
        return None
    marks = [mark for mark in getattr(obj, "pytestmark", []) if mark.name == "gradient"]
    if not marks:
        return None
    item: BackwardItem = BackwardItem.from_parent(collector, name=name, backward=obj, keywords_of=marks[0].kwargs)
    item.add_marker("gradient")
    return item


class BackwardItem(pytest.Item):
    """The check of one marked backward."""

    def __init__(self, *, backward: Callable[..., Any], keywords_of: dict[str, Any], **keywords: Any) -> None:
        super().__init__(**keywords)
        self.backward, self.keywords_of = backward, keywords_of

    def runtest(self) -> None:
        """Check it."""
        checks(self.config).check(recorder(self), self.backward, self.keywords_of)

    def reportinfo(self) -> tuple[Any, int, str]:
        """Where the backward stands."""
        return self.path, inspect.getsourcelines(self.backward)[1] - 1, f"gradient of {self.name}"

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is wrong, without a traceback."""
        if isinstance(excinfo.value, pytest.fail.Exception):
            return str(excinfo.value.msg)
        return super().repr_failure(excinfo)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a marked test, and check the backward that it returns or that its marker names."""
    mark = pyfuncitem.get_closest_marker("gradient")
    if mark is None:
        return None
    needed = pyfuncitem._fixtureinfo.argnames
    returned = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in needed})
    keywords = dict(mark.kwargs)
    backward = keywords.pop("backward", None) if returned is None else returned
    checks(pyfuncitem.config).check(recorder(pyfuncitem), backward, keywords)
    return True

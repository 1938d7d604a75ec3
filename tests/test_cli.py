"""The command line as scripts and people meet it: output, files, exit codes, errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from covector.cli.app import app
from covector.cli.ops import example_source
from covector.cli.tour import STOPS, tour_text
from covector.ops import OPERATIONS, SCALARS
from tests.support.katex import latex_errors

LINEAR = "linear[i,j] = sum[k](input[i,k] * weight[j,k]) + bias[j]"
COMMAND = [sys.executable, "-c", "from covector.cli import main; main()"]


def run(*arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=input, prog_name="covector")


def derived(*arguments: str, input: str | None = None) -> str:
    result = run("derive", *arguments, input=input)
    assert result.exit_code == 0, result.output
    return result.stdout


def failing(*arguments: str, input: str | None = None) -> str:
    result = run(*arguments, input=input)
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


def test_derive_prints_the_derivation() -> None:
    text = derived(LINEAR)
    assert "∂L/∂weight[i,j] = Σ_p Σ_q G[p,q]·∂linear[p,q]/∂weight[i,j]" in text
    assert "∂L/∂weight = Gᵀ @ input" in text
    assert "q = i:  input[p,j]" in text
    assert "checked  against finite differences" in text


def test_shapes_and_wrt() -> None:
    text = derived(LINEAR, "--shape", "input:M,infs", "--shape", "weight:outfs,infs", "--wrt", "weight")
    assert "outfs×infs" in text
    assert [part.split()[0] for part in text.split("\n\n")] == ["forward", "weight"]
    assert derived(LINEAR, "--wrt", "bias,input") == derived(LINEAR, "--wrt", "bias", "--wrt", "input")


def test_matrix_form_needs_shapes() -> None:
    text = derived("y = x @ w.T", "--shape", "x:M,K", "--shape", "w: N K")
    assert "∂L/∂w = Gᵀ @ x" in text


def test_less_leaves_out_the_steps() -> None:
    assert "derivative of a read" in derived(LINEAR)
    assert "derivative of a read" not in derived(LINEAR, "--less")


def test_every_format() -> None:
    assert latex_errors([derived(LINEAR, "--format", "latex")]) == []
    assert derived(LINEAR, "--format", "markdown").startswith("# Forward\n")
    assert derived(LINEAR, "--format", "html").startswith('<div class="covector"')
    data = json.loads(derived(LINEAR, "--format", "json"))
    assert list(data["gradients"]) == ["input", "weight", "bias"]


def test_chinese() -> None:
    assert "链式法则" in derived(LINEAR, "--lang", "zh")
    assert "# 求导" in derived(LINEAR, "--lang", "zh", "--format", "markdown")


def test_numpy_source_runs_with_numpy_alone(tmp_path: Path) -> None:
    script = tmp_path / "made.py"
    script.write_text(derived(LINEAR, "--numpy"), encoding="utf-8")
    code = "import sys, made; assert 'covector' not in sys.modules; print([n for n in dir(made) if n[0] != '_'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "forward" in done.stdout
    assert "gradients" in done.stdout


def test_input_from_a_file_and_from_standard_input(tmp_path: Path) -> None:
    file = tmp_path / "forward.txt"
    file.write_text(LINEAR + "\n", encoding="utf-8")
    expected = derived(LINEAR)
    assert derived("--file", str(file)) == expected
    assert derived("-", input=LINEAR) == expected
    assert derived(input=LINEAR) == expected


def test_output_to_a_file_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("old", encoding="utf-8")
    assert derived(LINEAR, "--format", "markdown", "--output", str(file)) == ""
    assert file.read_text(encoding="utf-8") == derived(LINEAR, "--format", "markdown")
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_a_failing_derivation_keeps_the_output_file(tmp_path: Path) -> None:
    file = tmp_path / "page.md"
    file.write_text("old", encoding="utf-8")
    failing("derive", "y[i] = x[", "--output", str(file))
    assert file.read_text(encoding="utf-8") == "old"
    error = failing("derive", LINEAR, "--output", str(tmp_path / "no" / "page.md"))
    assert "cannot be written: No such file or directory" in error


def test_errors_point_at_the_place() -> None:
    error = failing("derive", "y[i] = x[i] + exq(x[i])")
    lines = error.splitlines()
    assert lines[0].startswith("covector: ")
    place = next(number for number, line in enumerate(lines) if line.strip().startswith("^"))
    start = lines[place].index("^")
    assert lines[place - 1][start : start + 3] == "exq"
    assert "exp" in lines[-1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["derive", "y[i] = x[i]", "--wrt", "z"], "no tensor 'z'"),
        (["derive", "y[i] = x[i]", "--wrt", ","], "--wrt names no input"),
        (["derive", "y[i] = x[i]", "--format", "pdf"], "pdf"),
        (["derive", "y[i] = x[i]", "--lang", "fr"], "fr"),
        (["derive", "y[i] = x[i]", "--shape", "x"], "x"),
        (["derive", "y[i] = x[i]", "--shape", "x:M", "--shape", "x:N"], "declares x twice"),
        (["derive", "y[i] = x[i]", "--numpy", "--format", "latex"], "exclude each other"),
        (["derive", "y[i] = x[i]", "--file", "some.txt"], "given twice"),
        (["derive", "--file", "no-such-file.txt"], "no-such-file.txt cannot be read: No such file"),
        (["derive", "  "], "the program is empty"),
        (["derive", "y[i] = x[i]; z = y + q"], "q"),
        (["ops", "layer_nrom"], "did you mean layer_norm?"),
        (["ops", "zzzzzz"], "covector ops lists them all"),
        (["nonsense"], "nonsense"),
    ],
)
def test_bad_input_ends_with_2_and_a_message(arguments: list[str], says: str) -> None:
    error = failing(*arguments)
    assert says in error
    assert "Traceback" not in error


def test_a_file_name_as_the_program_is_explained(tmp_path: Path) -> None:
    file = tmp_path / "forward.txt"
    file.write_text(LINEAR, encoding="utf-8")
    assert "hint: covector derive --file" in failing("derive", str(file))


def test_files_that_are_no_text(tmp_path: Path) -> None:
    file = tmp_path / "forward.txt"
    file.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in failing("derive", "--file", str(file))
    file.write_bytes(b"\n")
    assert "is empty" in failing("derive", "--file", str(file))
    assert "cannot be read" in failing("derive", "--file", str(tmp_path))


def test_huge_input_is_refused_at_once() -> None:
    assert "more than 1,000,000 characters" in failing("derive", "-", input="y[i] = x[i] + " * 100_000)
    deep = failing("derive", "-", input="y[i] = " + "(" * 5000 + "x[i]" + ")" * 5000)
    assert "Traceback" not in deep


def test_help_says_what_the_options_and_exit_codes_are() -> None:
    text = run("derive", "--help").stdout
    for option in ("--wrt", "--shape", "--format", "--lang", "--numpy", "--less", "--output", "--file"):
        assert option in text
    assert "2 the input is at fault" in " ".join(text.split())
    assert all(command in run("--help").stdout for command in ("derive", "ops", "tour"))


def test_version() -> None:
    result = run("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("covector ")


def test_ops_lists_the_table_with_the_count() -> None:
    text = run("ops").stdout
    assert f"{len(OPERATIONS)} operations and {len(SCALARS)} scalar functions." in text
    for name in (*OPERATIONS, *SCALARS):
        assert name in text
    data = json.loads(run("ops", "--format", "json").stdout)
    assert data["count"] == len(data["operations"]) == len(OPERATIONS)


def test_ops_shows_one_operation_with_its_derivation() -> None:
    text = run("ops", "layer_norm").stdout
    assert text.startswith("layer_norm(")
    assert OPERATIONS["layer_norm"].doc in text
    assert "∂L/∂" in text
    data = json.loads(run("ops", "softmax", "--format", "json").stdout)
    assert data["derivation"]["schema"] == "covector.derivation/1"
    assert "∂/∂x = exp(x)" in run("ops", "exp").stdout


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_example_of_every_operation_is_a_program(name: str) -> None:
    source = example_source(OPERATIONS[name])
    assert source.endswith(")")
    assert source.splitlines()[-1].startswith(f"{name} = {name}(")


def test_the_tour_shows_every_stop() -> None:
    result = run("tour")
    assert result.exit_code == 0
    for number, stop in enumerate(STOPS, 1):
        assert f"{number}. {stop.title}" in result.stdout
    assert "∂L/∂weight = Gᵀ @ input" in result.stdout
    assert "covector: this '[' is never closed" in result.stdout
    assert "Try next" in result.stdout
    assert "".join(tour_text("zh")).count("验证") >= 5


def _started(arguments: list[str], **options: object) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    return subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **options
    )  # type: ignore[call-overload,no-any-return]


def test_a_reader_that_goes_away_is_no_crash() -> None:
    with _started(["tour"]) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() in (0, 141)


def test_output_without_a_terminal_is_plain_utf_8() -> None:
    done = subprocess.run(
        [*COMMAND, "ops"],
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
            "PYTHONIOENCODING": "ascii",
            "LC_ALL": "C",
        },
    )
    text = done.stdout.decode("utf-8")
    assert "\x1b" not in text
    assert "∂/∂x = exp(x)" in text


def test_a_withheld_result_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    from covector.cli import derive as command
    from covector.errors import VerificationError

    def withhold(*_: object, **__: object) -> None:
        raise VerificationError("the gradient of y with respect to x did not pass its check, and is withheld")

    monkeypatch.setattr(command, "derive", withhold)
    result = run("derive", "y[i] = x[i]")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "withheld" in result.stderr


def test_the_same_input_gives_the_same_text() -> None:
    assert np.unique([derived(LINEAR) for _ in range(3)]).size == 1

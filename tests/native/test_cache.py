"""The cache of object code: private, whole or nothing, bounded, and never in the way."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from covector.frontend import read_program
from covector.native import jit
from covector.native.cache import PARTS, Cache, default_directory, key_of
from covector.native.engine import compile_program

KEY = key_of("text")


def test_what_is_put_is_found(tmp_path: Path) -> None:
    Cache(tmp_path / "c").put(KEY, b"code")
    assert Cache(tmp_path / "c").get(KEY) == b"code"
    assert Cache(tmp_path / "c").get(key_of("other")) is None


def test_keys_tell_parts_apart() -> None:
    assert len({key_of("ab", "c"), key_of("a", "bc"), key_of("abc"), key_of("abc", "")}) == 4


def test_the_directory_is_the_users_alone(tmp_path: Path) -> None:
    open_to_all = tmp_path / "c"
    open_to_all.mkdir(mode=0o777)
    open_to_all.chmod(0o777)
    Cache(open_to_all)
    assert stat.S_IMODE(open_to_all.stat().st_mode) == 0o700


def test_the_directory_follows_the_standard(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_directory() == tmp_path / "covector"


@pytest.mark.parametrize("broken", [b"", b"covector object 1\n", b"x" * 100])
def test_a_broken_file_is_ignored_and_removed(tmp_path: Path, broken: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, b"code")
    path = file_of(cache, KEY)
    path.write_bytes(broken)
    assert cache.get(KEY) is None
    assert not path.exists()


def test_a_changed_byte_is_noticed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, b"code")
    content = bytearray(file_of(cache, KEY).read_bytes())
    content[-1] ^= 1
    file_of(cache, KEY).write_bytes(bytes(content))
    assert cache.get(KEY) is None


def test_a_directory_that_cannot_be_made_is_as_no_cache(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "below")
    cache.put(KEY, b"code")
    assert cache.get(KEY) is None


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)

    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.put(KEY, b"code")
    assert files(tmp_path) == []


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path)

    def interrupted(source: str, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.put(KEY, b"code")
    assert files(tmp_path) == []


def test_the_oldest_files_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=1000 * PARTS)
    keys = [f"00{number}" for number in range(6)]
    for number, key in enumerate(keys[:5]):
        cache.put(key, bytes(300))
        os.utime(file_of(cache, key), (number, number))
    cache.put("11", bytes(300))
    cache.put(keys[5], bytes(300))
    assert cache.get("11") is not None
    assert cache.get(keys[5]) is not None
    assert cache.get(keys[0]) is None
    assert sum(path.stat().st_size for path in files(tmp_path / "00")) <= 1000


def file_of(cache: Cache, key: str) -> Path:
    """The file of a key, which is there."""
    path = cache.path(key)
    assert path is not None
    assert path.exists()
    return path


def files(directory: Path) -> list[Path]:
    """All files of a cache."""
    return [path for path in directory.rglob("*") if path.is_file()]


def write_often(directory: str) -> bool:
    """Write and read the same keys as others do; whether every file that was read was whole."""
    cache = Cache(Path(directory))
    for number in range(60):
        key = key_of(str(number % 4))
        cache.put(key, str(number % 4).encode() * 20000)
        if cache.get(key) not in (None, str(number % 4).encode() * 20000):
            return False
    return True


def test_many_processes_may_write_at_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert all(pool.map(write_often, [str(tmp_path)] * 3))
    assert not [path for path in files(tmp_path) if path.name.startswith(".")]


def test_a_program_is_compiled_once(own_cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    read = read_program("y[i] = 3*x[i]", {"x": "5"})
    compile_program(read)

    def again(text: str) -> bytes:
        raise AssertionError("compiled again")

    monkeypatch.setattr(jit, "object_code", again)
    np.testing.assert_array_equal(compile_program(read).run([np.ones(5)])[0], np.full(5, 3.0))
    with pytest.raises(AssertionError, match="compiled again"):
        compile_program(read_program("y[i] = 4*x[i]", {"x": "5"}))

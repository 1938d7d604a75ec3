"""Object code on disk, so that a function is compiled once and not once a process.

A file is named by what its code depends on (the text, the processor, the versions) and begins with the hash of what
follows, so that a broken one is never run. Files are written beside and renamed: a reader sees a whole file or none,
however many processes write. A directory that cannot be used costs time, never a result.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

LIMIT = 1 << 26
"""Bytes that all files together may have, about; beyond them the oldest are removed."""

PARTS = 256
"""Directories that the files are spread over by their names, so that one can be looked through in no time."""

_MAGIC = b"covector object 1\n"
_DIGEST = hashlib.sha256().digest_size


def key_of(*parts: str) -> str:
    """The name of the code that is made from these texts."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(8, "little") + encoded)
    return digest.hexdigest()


def default_directory() -> Path:
    """Where code is kept for this user: ``$XDG_CACHE_HOME/covector``."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "covector"


class Cache:
    """A directory of object code; every failure of the disk is as if nothing was there."""

    def __init__(self, directory: Path | None = None, limit: int = LIMIT) -> None:
        self.limit = limit
        self.directory: Path | None = None
        with contextlib.suppress(OSError, RuntimeError):
            self.directory = _private(directory or default_directory())

    def get(self, key: str) -> bytes | None:
        """The code of a key, or None where there is none that is whole."""
        path = self.path(key)
        if path is None:
            return None
        try:
            content = path.read_bytes()
        except OSError:
            return None
        head = len(_MAGIC) + _DIGEST
        code = content[head:]
        if content[:head] == _MAGIC + hashlib.sha256(code).digest():
            return code
        with contextlib.suppress(OSError):
            path.unlink()
        return None

    def put(self, key: str, code: bytes) -> None:
        """Keep the code of a key."""
        self.put_all({key: code})

    def put_all(self, codes: Mapping[str, bytes]) -> None:
        """Keep the code of each key; of one key's directory, the oldest are removed where it has too many."""
        with contextlib.suppress(OSError):
            path = None
            for key, code in codes.items():
                path = self.path(key)
                if path is None:
                    return
                path.parent.mkdir(mode=0o700, exist_ok=True)
                self._write(path, _MAGIC + hashlib.sha256(code).digest() + code)
            if path is not None:
                _shrink(path.parent, self.limit // PARTS)

    def path(self, key: str) -> Path | None:
        """The file of a key, or None where nothing can be kept."""
        return None if self.directory is None else self.directory / key[:2] / key[2:]

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise


def _shrink(directory: Path, limit: int) -> None:
    """Remove the oldest files until the rest is within the limit."""
    found = []
    for entry in os.scandir(directory):
        with contextlib.suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            found.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size


def _private(directory: Path) -> Path | None:
    """The directory, made where it is missing; None where others could have put files into it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = directory.stat()
    if not hasattr(os, "getuid"):
        return directory
    own = status.st_uid == os.getuid()
    if own and stat.S_IMODE(status.st_mode) & 0o077:
        directory.chmod(0o700)
    return directory if own else None

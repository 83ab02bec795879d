"""Files in a local folder: written aside, then made to appear whole.

A crash at any point leaves either no file or all of it under its name; what was being written stays aside under a name that
is no file's, and is removed once it is a day old. Several processes may share the folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, cast

from app.domain.errors import Unavailable

CHUNK = 256 * 1024
"""Bytes read at once."""
_ASIDE = ".draft-"
_DAY = 86_400
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", re.ASCII)
_DRAFT = re.compile(rf"{re.escape(_ASIDE)}[0-9a-f]{{24}}", re.ASCII)


async def open_files(folder: Path) -> LocalFiles:
    """The files in that folder, which is made if it is missing. Raises Unavailable."""
    try:
        await asyncio.to_thread(_prepare, folder)
    except OSError as error:
        raise _unavailable(error) from error
    return LocalFiles(folder)


class LocalFiles:
    """See `app.ports.Files`. `folder` is where they are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def create(self) -> LocalDraft:
        aside = self.folder / f"{_ASIDE}{secrets.token_hex(12)}"
        try:
            return LocalDraft(aside, _open(aside, "xb"))
        except OSError as error:
            raise _unavailable(error) from error

    async def size(self, name: str) -> int | None:
        try:
            found = await asyncio.to_thread(os.stat, self._path(name))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unavailable(error) from error
        return found.st_size

    def read(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        return _chunks(self._path(name), start, end)

    async def delete(self, name: str) -> None:
        await _remove(self._path(name))

    async def names(self, prefix: str) -> list[str]:
        try:
            found = await asyncio.to_thread(os.listdir, self.folder)
        except OSError as error:
            raise _unavailable(error) from error
        return sorted(name for name in found if name.startswith(prefix) and _NAME.fullmatch(name))

    async def drafted(self, name: str, size: int) -> AsyncIterator[bytes]:
        aside = self._aside(name)
        if await asyncio.to_thread(aside.exists):
            async for chunk in _chunks(aside, 0, size):
                yield chunk

    async def discard(self, name: str) -> None:
        await _remove(self._aside(name))

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of a file: {name!r}")
        return self.folder / name

    def _aside(self, name: str) -> Path:
        if not _DRAFT.fullmatch(name):
            raise ValueError(f"not the name of a draft: {name!r}")
        return self.folder / name


class LocalDraft:
    """See `app.ports.Draft`."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self._file = file
        self._settled = False

    @property
    def name(self) -> str:
        return self._path.name

    async def write(self, data: bytes) -> None:
        try:
            await asyncio.to_thread(self._file.write, data)
        except OSError as error:
            raise _unavailable(error) from error

    async def sync(self) -> None:
        try:
            await asyncio.to_thread(self._sync)
        except OSError as error:
            raise _unavailable(error) from error

    async def keep(self, name: str) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError(f"not the name of a file: {name!r}")
        try:
            await asyncio.to_thread(self._appear, self._path.with_name(name))
        except OSError as error:
            raise _unavailable(error) from error

    def drop(self) -> None:
        if self._settled:
            return
        with contextlib.suppress(OSError):
            self._file.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)

    def leave(self) -> None:
        self._settled = True
        with contextlib.suppress(OSError):
            self._file.close()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def _appear(self, target: Path) -> None:
        with self._file:
            self._sync()
        self._path.replace(target)
        _sync_folder(target.parent)


def _open(path: Path, mode: str) -> BinaryIO:
    """Opened here, in microseconds, and not on a thread: a caller that is cancelled meanwhile would lose the open file."""
    return cast(BinaryIO, path.open(mode))


async def _chunks(path: Path, start: int, end: int | None) -> AsyncIterator[bytes]:
    try:
        with _open(path, "rb") as file:
            file.seek(start)
            at = start
            while chunk := await asyncio.to_thread(file.read, CHUNK if end is None else min(CHUNK, end - at)):
                yield chunk
                at += len(chunk)
    except OSError as error:
        raise _unavailable(error) from error


async def _remove(path: Path) -> None:
    try:
        await asyncio.to_thread(path.unlink, missing_ok=True)
    except OSError as error:
        raise _unavailable(error) from error


def _prepare(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what people used is nobody else's business on this machine
    for aside in folder.glob(f"{_ASIDE}*"):
        # Another process of this store may be writing one now: what it writes is young.
        with contextlib.suppress(OSError):
            if time.time() - aside.stat().st_mtime > _DAY:
                aside.unlink()


def _sync_folder(folder: Path) -> None:
    """Make the folder's own entries durable: without this a new name may be lost with the power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unavailable(error: OSError) -> Unavailable:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    word = "there is no room left for files of exports" if full else "the folder of exports' files cannot be used"
    return Unavailable(word, detail=error.strerror)

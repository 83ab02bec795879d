"""Files in a folder: whole or not there, whatever interrupts."""

from __future__ import annotations

import os
import time
from io import FileIO
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import Unavailable
from app.storage.files import CHUNK, LocalFiles, open_files


async def written(files: LocalFiles, name: str, data: bytes) -> None:
    draft = await files.create()
    await draft.write(data)
    await draft.keep(name)


async def read(files: LocalFiles, name: str) -> list[bytes]:
    return [chunk async for chunk in files.read(name)]


def names_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_what_was_written_is_read_back_in_chunks(tmp_path: Path) -> None:
    files = await open_files(tmp_path / "deep" / "down")
    data = os.urandom(CHUNK + 5)
    await written(files, "a.bin", data)

    assert [len(each) for each in await read(files, "a.bin")] == [CHUNK, 5]
    assert b"".join(await read(files, "a.bin")) == data
    assert (await files.size("a.bin"), await files.size("b.bin")) == (CHUNK + 5, None)


async def test_a_draft_is_not_there_until_it_is_kept_and_then_it_is_whole(tmp_path: Path) -> None:
    files = await open_files(tmp_path)
    draft = await files.create()
    await draft.write(b"half")
    assert await files.size("a") is None
    await draft.write(b" and half")
    assert [name[:7] for name in names_in(tmp_path)] == [".draft-"]

    await draft.keep("a")
    draft.drop()

    assert names_in(tmp_path) == ["a"]
    assert await read(files, "a") == [b"half and half"]


async def test_a_draft_that_is_dropped_leaves_nothing(tmp_path: Path) -> None:
    draft = await (await open_files(tmp_path)).create()
    await draft.write(b"half")

    draft.drop()
    draft.drop()

    assert names_in(tmp_path) == []


async def test_a_part_of_a_file_is_read_from_where_it_begins_to_where_it_ends(tmp_path: Path) -> None:
    files = await open_files(tmp_path)
    data = os.urandom(2 * CHUNK + 5)
    await written(files, "a", data)

    for start, end in ((0, None), (0, 1), (7, CHUNK + 9), (2 * CHUNK, None), (CHUNK, CHUNK), (0, 2 * CHUNK + 5)):
        assert b"".join([chunk async for chunk in files.read("a", start, end)]) == data[start:end]


async def test_a_draft_that_is_left_is_found_again_as_far_as_it_was_synced(tmp_path: Path) -> None:
    files = await open_files(tmp_path)
    draft = await files.create()
    await draft.write(b"half")
    await draft.sync()
    assert (tmp_path / draft.name).read_bytes() == b"half"
    await draft.write(b" and half")
    draft.leave()
    draft.drop()

    again = await open_files(tmp_path)
    for size, found in ((0, b""), (4, b"half"), (6, b"half a"), (99, b"half and half")):
        assert b"".join([chunk async for chunk in again.drafted(draft.name, size)]) == found
    await again.discard(draft.name)
    await again.discard(draft.name)
    assert [chunk async for chunk in again.drafted(draft.name, 4)] == []
    assert names_in(tmp_path) == []


async def test_bytes_and_name_are_synced_before_a_file_counts_as_kept(tmp_path: Path, monkeypatch: Any) -> None:
    files = await open_files(tmp_path)
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def syncing(handle: int) -> None:
        done.append("sync " + str(Path(f"/proc/self/fd/{handle}").readlink()).removeprefix(str(tmp_path)))
        sync(handle)

    def replacing(path: Path, target: Path) -> Path:
        done.append("rename")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(Path, "replace", replacing)
    await written(files, "a", b"x")

    assert [each.split("-")[0] for each in done] == ["sync /.draft", "rename", "sync "]


async def test_a_reader_goes_on_reading_what_it_opened(tmp_path: Path) -> None:
    files = await open_files(tmp_path)
    await written(files, "a", b"x" * (CHUNK + 1))
    chunks = files.read("a")
    first = await anext(chunks)
    await files.delete("a")
    await files.delete("a")

    assert (len(first), await anext(chunks)) == (CHUNK, b"x")
    assert await files.size("a") is None
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)


async def test_drafts_that_a_crash_left_are_removed_once_they_are_a_day_old(tmp_path: Path) -> None:
    files = await open_files(tmp_path)
    await written(files, "kept", b"x")
    old, young = tmp_path / ".draft-old", tmp_path / ".draft-young"
    for path, age in ((old, 90_000), (young, 3_600), (tmp_path / "kept", 900_000)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)

    await open_files(tmp_path)

    assert names_in(tmp_path) == [".draft-young", "kept"]


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", ".draft-a", "a\0", "ä", "a" * 201])
async def test_a_name_that_could_lead_elsewhere_is_a_fault(tmp_path: Path, name: str) -> None:
    files = await open_files(tmp_path)
    draft = await files.create()
    with pytest.raises(ValueError, match="not the name of a file"):
        await draft.keep(name)
    draft.drop()
    with pytest.raises(ValueError, match="not the name of a file"):
        await files.size(name)
    with pytest.raises(ValueError, match="not the name of a file"):
        files.read(name)
    with pytest.raises(ValueError, match="not the name of a draft"):
        await files.discard(name)
    assert names_in(tmp_path) == []


async def test_a_folder_that_cannot_be_used_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(Unavailable) as refused:
        await open_files(tmp_path / "file")
    assert refused.value.message == "the folder of exports' files cannot be used"
    gone = await open_files(tmp_path / "gone")
    gone.folder.rmdir()
    with pytest.raises(Unavailable):
        await gone.create()
    with pytest.raises(Unavailable):
        await read(gone, "a")
    assert await gone.size("a") is None


async def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    draft = await (await open_files(tmp_path)).create()
    draft._file.close()
    draft._file = FileIO("/dev/full", "wb")  # type: ignore[assignment]
    with pytest.raises(Unavailable) as refused:
        await draft.write(b"x")
    assert refused.value.message == "there is no room left for files of exports"
    draft.drop()
    assert names_in(tmp_path) == []

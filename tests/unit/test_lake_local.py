"""A lake in a directory, where several threads publish into folders that others remove when they are empty."""

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from mootech.lake.stores.local import LocalStore

THREADS = 4
ROUNDS = 100


def test_what_is_published_beside_deletes_stands(tmp_path: Path) -> None:
    """Threads that put, create and delete objects of one folder never find it gone, and leave only what they kept."""
    store = LocalStore(tmp_path / "lake")
    start = Barrier(THREADS)

    def publish_and_delete(thread: int) -> None:
        start.wait()
        for number in range(ROUNDS):
            put, created = (f"quarantine/users/utc_date=2024-02-29/{what}-{thread}-{number}" for what in ("p", "c"))
            file = tmp_path / f"{thread}"
            file.write_bytes(b"put")
            store.put(put, file, {})
            assert store.read(put) == b"put"
            store.delete(put)
            assert store.create(created, b"created")
            assert store.read(created) == b"created"
            store.delete(created)
        store.create(f"quarantine/users/kept-{thread}", b"")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(publish_and_delete, range(THREADS)))
    kept = [f"quarantine/users/kept-{thread}" for thread in range(THREADS)]
    assert [entry.key for entry in store.list("")] == kept
    assert sorted(path.name for path in (tmp_path / "lake/quarantine/users").iterdir()) == [key[-6:] for key in kept]


def test_a_folder_that_another_made_and_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That somebody else was faster to make a folder says nothing about the object, and the folder may be gone."""
    store = LocalStore(tmp_path)
    mkdir = Path.mkdir
    faster: list[Path] = []

    def made_by_another(path: Path, mode: int = 0o777, **options: bool) -> None:
        if path.name == "users" and not faster:
            faster.append(path)
            raise FileExistsError(errno.EEXIST, "File exists", str(path))
        mkdir(path, mode, **options)

    monkeypatch.setattr(Path, "mkdir", made_by_another)
    assert store.create("quarantine/users/object", b"created")
    assert faster
    assert store.read("quarantine/users/object") == b"created"

"""What the tests run in processes of their own: writers that are killed, limited, or not alone.

python writer_process.py killed FOLDER       at each line on stdin forks a writer, which acknowledges on stdout
python writer_process.py appender FOLDER NAME COUNT
python writer_process.py full FOLDER BYTES   a process that may write no larger file
python writer_process.py filled FOLDER       writes until there is no room
python writer_process.py unwelcome FOLDER    a user who may only read
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

from voxsession.errors import ConflictError, StorageError, StorageFullError
from voxsession.storage.file import FileSessionStorage
from voxsession.testing.records import a_batch, a_document, a_page

SESSIONS = 4


def tell(**what: object) -> None:
    # One write for each line: what was written before the kill is whole.
    os.write(1, json.dumps(what).encode() + b"\n")


async def keep_writing(folder: str) -> None:
    """Goes on with all sessions at once, whatever was left, and tells of each version that is saved."""
    storage = FileSessionStorage(folder)

    async def live(name: str) -> None:
        while True:
            record = await storage.load(name)
            tail = record.get("tail", []) if record else []
            seq = (tail[-1] if tail else record)["seq"] + 1 if record else 1
            torn = bool(record and record.get("torn_bytes"))
            batch_id = f"{os.getpid()}_{seq}"
            if not record or torn or len(tail) > 6:
                await storage.save_page(name, a_page(name, f"page_{seq}", body="p" * 2000))
                body = {"page": f"page_{seq}"}
                document = a_document(name, seq, body="d" * 5000, batch_id=batch_id, owner="o1", **body)
                await storage.save(document)
            else:
                await storage.append(name, a_batch(name, seq, body="b" * 700, batch_id=batch_id, owner="o1"))
            tell(name=name, seq=seq, batch_id=batch_id)

    await asyncio.gather(*(live(f"s{number}") for number in range(SESSIONS)))


def killed(folder: str) -> None:
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            asyncio.run(keep_writing(folder))
        tell(pid=child)
        os.waitpid(child, 0)
        tell(ended=child)


async def appender(folder: str, name: str, count: int) -> None:
    """Appends so many batches of its own to one session that others write too."""
    storage = FileSessionStorage(folder)
    done = 0
    while done < count:
        headers = await storage.list_sessions()
        seq = headers[0]["seq"] + 1
        try:
            batch_id = f"{name}_{done}"
            await storage.append("sess_1", a_batch(seq=seq, batch_id=batch_id, body=batch_id))
            done += 1
        except ConflictError:
            continue
    await storage.close()


async def full(folder: str, limit: int) -> None:
    import resource

    storage = FileSessionStorage(folder)
    await storage.save(a_document())
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    await filled(folder, storage)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await storage.append("sess_1", a_batch(seq=(await storage.list_sessions())[0]["seq"] + 1))


async def filled(folder: str, storage: FileSessionStorage | None = None) -> None:
    """Appends until there is no room, then tries the other writes, and tells what came of each."""
    storage = storage or FileSessionStorage(folder)
    if await storage.load("sess_1") is None:
        await storage.save(a_document())
    seq = 2
    try:
        while True:
            await storage.append("sess_1", a_batch(seq=seq, body="b" * 9000))
            seq += 1
    except StorageFullError as error:
        tell(step="append", error=str(error), cause=type(error.__cause__).__name__)
    big = "x" * 1_100_000
    for step, write in (
        ("save", storage.save(a_document(seq=seq, body=big))),
        ("first save", storage.save(a_document("sess_2", body=big))),
        ("page", storage.save_page("sess_1", a_page(body=big))),
    ):
        try:
            await write
        except StorageFullError as error:
            tell(step=step, error=str(error), cause=type(error.__cause__).__name__)
    tell(stored=seq - 1)


async def unwelcome(folder: str) -> None:
    storage = FileSessionStorage(folder)
    await storage.load("sess_1")
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    record = await storage.load("sess_1")
    tell(loaded=record is not None and record["seq"], listed=len(await storage.list_sessions()))
    for step, write in (
        ("append", storage.append("sess_1", a_batch())),
        ("save", storage.save(a_document(seq=2))),
        ("first save", storage.save(a_document("sess_2"))),
        ("delete", storage.delete("sess_1")),
        ("page", storage.save_page("sess_1", a_page())),
    ):
        try:
            await write
        except StorageError as error:
            tell(step=step, error=str(error), kind=type(error).__name__)
    tell(health=await storage.health_check())
    missing = FileSessionStorage(os.path.join(folder, "new"))
    try:
        await missing.open()
    except StorageError as error:
        tell(step="open", error=str(error), kind=type(error).__name__)


def main(what: str, folder: str, *rest: str) -> None:
    if what == "killed":
        killed(folder)
    elif what == "appender":
        asyncio.run(appender(folder, rest[0], int(rest[1])))
    elif what == "full":
        asyncio.run(full(folder, int(rest[0])))
    elif what == "filled":
        asyncio.run(filled(folder))
    elif what == "unwelcome":
        asyncio.run(unwelcome(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Processes that start at once on an empty database, each of them opening it and writing to one session.

python database_process.py URL PROCESSES TURNS     prints one line for each process: "ok", or its error
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys

from voxsession.errors import ConflictError
from voxsession.storage.database import DatabaseSessionStorage
from voxsession.testing.records import a_batch, a_document


async def write(url: str, number: int, turns: int) -> None:
    storage = DatabaseSessionStorage(url)
    await storage.open()
    with contextlib.suppress(ConflictError):
        await storage.save(a_document(batch_id=f"first_{number}"))
    for turn in range(turns):
        while True:
            record = await storage.load("sess_1")
            assert record is not None
            seq = (record["tail"] or [record])[-1]["seq"] + 1
            try:
                await storage.append("sess_1", a_batch(seq=seq, batch_id=f"{number}_{turn}"))
                break
            except ConflictError:
                continue


def main(url: str, processes: int, turns: int) -> None:
    # The children wait for this pipe to close, so that they begin at the same moment.
    start, go = os.pipe()
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            os.close(go)
            os.read(start, 1)
            try:
                asyncio.run(write(url, number, turns))
                told = "ok"
            except BaseException as error:
                told = f"{type(error).__name__}: {error}"
            os.write(1, told.replace("\n", " ").encode() + b"\n")
            os._exit(0)
        children.append(child)
    os.close(go)
    for child in children:
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))

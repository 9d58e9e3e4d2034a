"""Where random pieces come from: no two takers get the same."""

from __future__ import annotations

import multiprocessing
import os
import threading
from multiprocessing.connection import Connection

import pytest

from voxsession.clock import RandomPieces


def test_no_piece_is_given_twice() -> None:
    """Threads that take at the same time get pieces of their own, each of the length asked for."""
    pieces, taken = RandomPieces(12), list[bytes]()

    def take() -> None:
        for _ in range(2000):
            taken.append(pieces.take())

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(taken)) == len(taken) == 8000
    assert {len(piece) for piece in taken} == {12}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_begins_anew() -> None:
    """What was read before the fork is used by one of the two alone: a nonce must never come twice."""
    pieces = RandomPieces(12)
    pieces.take()
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe()

    def child(pipe: Connection) -> None:
        pipe.send([pieces.take() for _ in range(70)])

    process = context.Process(target=child, args=(theirs,))
    process.start()
    sent = mine.recv()
    process.join()

    assert len({*sent, *(pieces.take() for _ in range(70))}) == 140

"""Two adapters that are driven with the same commands give the same answers."""

from __future__ import annotations

import asyncio
import functools
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.servers.redis import RedisServer, new_prefix
from voxsession.core.envelope import storage_key
from voxsession.errors import VoxSessionError
from voxsession.storage.base import SessionStorage
from voxsession.storage.file import FileSessionStorage
from voxsession.storage.inmemory import MemorySessionStorage
from voxsession.storage.redis import RedisSessionStorage
from voxsession.testing.records import a_batch, a_document, a_page

NAMES = st.sampled_from(["a", "B", "b", "c:1"])
TENANTS = st.sampled_from(["", "acme"])
OWNERS = st.sampled_from(["", "o1", "o2"])
SEQS = st.integers(1, 6)
BODIES = st.text(max_size=20)
IDS = st.integers(0, 3).map(str)


class AdaptersAgree(RuleBasedStateMachine):
    """The in-memory storage says what is right, the file storage has to say the same."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="voxsession-test-")
        self.runner = asyncio.Runner()
        self.storages: list[SessionStorage] = [
            MemorySessionStorage(),
            FileSessionStorage(self.folder, durability="relaxed"),
        ]

    def teardown(self) -> None:
        for storage in self.storages:
            self.runner.run(storage.close())
        self.runner.close()
        shutil.rmtree(self.folder)

    def both(self, call: Callable[[SessionStorage], Awaitable[Any]]) -> None:
        async def answer(storage: SessionStorage) -> Any:
            try:
                return await call(storage)
            except VoxSessionError as error:
                return type(error), str(error)

        right, found = (self.runner.run(answer(storage)) for storage in self.storages)
        assert found == right

    @rule(name=NAMES, tenant=TENANTS, seq=SEQS, owner=OWNERS, body=BODIES, batch_id=IDS)
    def save(self, name: str, tenant: str, seq: int, owner: str, body: str, batch_id: str) -> None:
        record = a_document(name, seq, tenant=tenant, owner=owner, body=body, batch_id=batch_id)
        self.both(lambda storage: storage.save(record))

    @rule(name=NAMES, tenant=TENANTS, seq=SEQS, owner=OWNERS, body=BODIES, batch_id=IDS)
    def append(self, name: str, tenant: str, seq: int, owner: str, body: str, batch_id: str) -> None:
        batch = a_batch(name, seq, tenant=tenant, owner=owner, body=body, batch_id=batch_id)
        self.both(lambda storage: storage.append(storage_key("session", tenant, name), batch))

    @rule(name=NAMES, tenant=TENANTS, body=BODIES)
    def go_on(self, name: str, tenant: str, body: str) -> None:
        key = storage_key("session", tenant, name)
        record = self.runner.run(self.storages[0].load(key))
        seq = (record["tail"][-1] if record["tail"] else record)["seq"] if record else 0
        batch = a_batch(name, seq + 1, tenant=tenant, body=body)
        self.both(lambda storage: storage.append(key, batch))

    @rule(name=NAMES, tenant=TENANTS, seq=st.none() | SEQS)
    def delete(self, name: str, tenant: str, seq: int | None) -> None:
        self.both(lambda storage: storage.delete(storage_key("session", tenant, name), seq))

    @rule(name=NAMES, page=IDS, body=BODIES)
    def save_page(self, name: str, page: str, body: str) -> None:
        self.both(lambda storage: storage.save_page(name, a_page(name, page, body=body)))

    @rule(name=NAMES, pages=st.lists(IDS))
    def delete_pages(self, name: str, pages: list[str]) -> None:
        self.both(lambda storage: storage.delete_pages(name, pages))

    @rule(name=NAMES, tenant=TENANTS, seq=SEQS, page=IDS)
    def read(self, name: str, tenant: str, seq: int, page: str) -> None:
        key = storage_key("session", tenant, name)
        self.both(lambda storage: storage.load(key))
        self.both(lambda storage: storage.load_since(key, seq))
        self.both(lambda storage: storage.load_page(key, page))

    @rule(tenant=TENANTS, owner=st.none() | OWNERS, limit=st.integers(1, 4))
    def list(self, tenant: str, owner: str | None, limit: int) -> None:
        self.both(lambda storage: storage.list_sessions(tenant=tenant, owner=owner, limit=limit))

    @rule()
    def close(self) -> None:
        self.both(lambda storage: storage.close())


AdaptersAgree.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestAdaptersAgree = AdaptersAgree.TestCase


class RedisAgrees(AdaptersAgree):
    """The in-memory storage says what is right, Redis has to say the same."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.storages[1] = RedisSessionStorage(url, session_prefix=new_prefix())


@pytest.mark.server
def test_redis_agrees(redis_server: RedisServer) -> None:
    few = settings(max_examples=25, stateful_step_count=30)
    run_state_machine_as_test(functools.partial(RedisAgrees, redis_server.url), settings=few)

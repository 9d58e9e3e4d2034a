"""One opened installation: its storage, its keys, its live sessions."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet

from voxsession.clock import Clock
from voxsession.codec.keys import KeyRing
from voxsession.core.changes import TokensRecounted
from voxsession.core.envelope import stamp, storage_key
from voxsession.core.events import Event
from voxsession.core.session_data import SessionData
from voxsession.errors import ConfigurationError, StorageError, StorageUnavailableError, VoxSessionError
from voxsession.memory.tokens import LateCounter, TokenCounter
from voxsession.session.handlers import EventHub
from voxsession.session.live import LiveCore
from voxsession.session.loader import Loaded, StorageRules
from voxsession.session.person_profiles import PersonProfiles
from voxsession.session.pointers import Pointers
from voxsession.session.recorder import Recorder
from voxsession.session.tasks import take_outcome
from voxsession.session.vault import Vault
from voxsession.storage.base import NOTHING_AT_HAND, RecordsAtHand, SessionStorage
from voxsession.storage.registry import open_storage, storage_name
from voxsession.voxon_config import VoxonConfig

__all__ = ["Installation", "ring_of", "storage_of", "within"]

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class Started(NamedTuple):
    """An open installation, and the records that came along as it was opened."""

    recorder: Recorder
    at_hand: RecordsAtHand = NOTHING_AT_HAND


class Installation:
    """What a facade has open; nothing is, until `ready` is first awaited.

    Args:
        counter: counts tokens; a `LateCounter` is loaded when the storage opens.
        hub: gets the events of all sessions.

    Attributes:
        is_closed: the facade was closed, so that its own calls are refused.
        made: the cores that somebody still holds, also those that are not found any more.
    """

    is_closed = False
    recorder: Recorder | None = None
    vault: Vault
    pointers: Pointers
    profiles: PersonProfiles

    def __init__(self, config: VoxonConfig, clock: Clock, counter: TokenCounter, hub: EventHub) -> None:
        self.config = config
        self.tenant = config.tenant or ""
        self.cores: dict[str, LiveCore] = {}
        self.background: set[asyncio.Task[Any]] = set()
        self.made: WeakSet[LiveCore] = WeakSet()
        self.clock = clock
        self.hub = hub
        self._counter = counter
        self._opening: dict[str, asyncio.Future[Any]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting: asyncio.Future[Started] | None = None

    def check_open(self) -> None:
        """Refuses a call of a facade that was closed: it would open the storage anew, and nobody would close it."""
        if self.is_closed:
            raise ConfigurationError(
                "This Voxon is closed. Make another one, or enter it again with `async with voxon:`.",
                option="voxon",
            )

    async def ready(self) -> Recorder:
        """What `ready_for_handles` gives, for the facade's own calls.

        Raises:
            ConfigurationError: the facade was closed.
        """
        self.check_open()
        return await self.ready_for_handles()

    async def ready_for_handles(self) -> Recorder:
        """Opens storage and keys, once; of several callers at once one opens and the others wait.

        A session that outlives its facade is let in, so that what it holds is not lost.
        """
        self._meet_loop()
        return self.recorder if self.recorder is not None else (await self._started()).recorder

    async def _started(self, *wanted: str) -> Started:
        """The same, and what came along of the records that the caller wants next, where it is the one to open."""
        self._meet_loop()
        if self.recorder is not None:
            return Started(self.recorder)
        if self.is_closed:
            _log.warning("a session outlived its Voxon: the storage opens again and stays open until close()")
        is_first = self._starting is None or self._starting.done()
        if is_first:
            self._starting = asyncio.ensure_future(self._start(wanted))
            self._starting.add_done_callback(take_outcome)
        assert self._starting is not None
        try:
            started = await asyncio.shield(self._starting)
            # Whoever came later may know of a write that was made after these records were read.
            return started if is_first else Started(started.recorder)
        finally:
            if self._starting is not None and self._starting.done():
                self._starting = None

    async def _start(self, wanted: Sequence[str]) -> Started:
        storage = storage_of(self.config)
        vault = Vault(
            storage,
            self.clock,
            ring_of(self.config),
            self.config.session_encryption_method,
            self.tenant,
        )
        seconds = self.config.storage_timeout_seconds
        opening = storage.open_and_load([vault.record_key, *wanted])
        at_hand = await within(seconds, opening, storage.storage_type)
        if isinstance(self._counter, LateCounter) and not self._counter.exact:
            if self._counter.loads_at_once:
                self._counter.load()
            else:
                await asyncio.to_thread(self._counter.load)
        await within(seconds, vault.open(at_hand), storage.storage_type)
        ttl = self.config.session_ttl_seconds
        rules = StorageRules(
            tenant=self.tenant,
            timeout_seconds=seconds,
            ttl_seconds=ttl if ttl is not None else storage.default_ttl,
        )
        self.vault = vault
        self.pointers = Pointers(storage, vault, self.clock, self.tenant)
        recorder = Recorder(storage, vault, self.clock, rules, self.pointers)
        self.profiles = PersonProfiles(recorder, vault, self.clock, self.tenant)
        self.recorder = recorder
        _log.info(
            "%s storage is open, encryption %s", storage.storage_type, self.config.session_encryption_method
        )
        return Started(recorder, at_hand)

    def _meet_loop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None and self._loop.is_running():
            raise ConfigurationError(
                "This Voxon is in use by another running event loop. Make one Voxon for each loop; "
                "they can share a storage."
            )
        # A new loop after the old one ended (asyncio.run for each request): what was bound to it is gone.
        self._loop = loop
        self._starting = None
        self._opening.clear()

    async def live(self, session_id: str, lazy: bool) -> LiveCore | None:
        """The live core of a stored session; several openings at once load it once."""
        self.check_open()
        recorder, at_hand = await self._started(storage_key("session", self.tenant, session_id))
        core = self.cores.get(session_id)
        if core is not None and core.exists and not core.is_gone and not core.has_conflict:
            return core
        if session_id not in self._opening:
            task = asyncio.ensure_future(recorder.load(session_id, lazy=lazy, at_hand=at_hand))
            task.add_done_callback(take_outcome)
            self._opening[session_id] = task
        opening = self._opening[session_id]
        try:
            loaded: Loaded | None = await asyncio.shield(opening)
        finally:
            if opening.done() and self._opening.get(session_id) is opening:
                del self._opening[session_id]
        core = self.cores.get(session_id)
        if (
            core is not None
            and not core.is_gone
            and not core.has_conflict
            and (core.exists or loaded is None)
        ):
            return core
        # A stored session wins over one of the same id that was made here and never saved.
        return self._adopt(recorder, loaded) if loaded is not None else None

    def _adopt(self, recorder: Recorder, loaded: Loaded) -> LiveCore:
        core = self.new_core(loaded.data)
        recorder.adopt(core, loaded)
        self.cores[core.data.session_id] = core
        _log.debug("session %s: opened at version %d", core.data.session_id, core.data.seq)
        if loaded.opened.torn:
            _log.warning("session %s: its newest write was incomplete and is left out", core.data.session_id)
            core.signal("tail.repaired", torn=True)
        core.repair_history()
        self._recount(core)
        return core

    def _recount(self, core: LiveCore) -> None:
        """Real token counts take the place of estimates that an earlier opening had to make do with."""
        data, counter = core.data, self._counter
        if not counter.exact or data.open_memories is not None or data.open_messages is not None:
            return
        messages = {m.id: counter.count(m.content or "") for m in data.messages if m.estimated}
        memories = {e.id: counter.count(e.content) for e in data.memories.values() if e.estimated}
        if messages or memories:
            core.record(
                TokensRecounted(
                    at=self.clock.now(), counter=counter.name, messages=messages, memories=memories
                )
            )
            core.settle_memory()

    async def find_latest(self, owner: str) -> str | None:
        """The id of the person's most recently active session, from an index; nothing is scanned."""
        recorder = await self.ready()
        storage = recorder.storage
        if not storage.can_list:
            return await recorder.call(self.pointers.get(owner), "load")
        listing = storage.list_sessions(owner=owner, active_only=True, limit=20, tenant=self.tenant)
        found = await recorder.call(listing, "list_sessions")
        now = stamp(self.clock.now())
        for header in found:
            if not header.get("expires_at") or header["expires_at"] > now:
                return str(header["session_id"])
        return None

    def tell(self, event: Event) -> None:
        """Tells the handlers of all sessions of something that belongs to none of them alone."""
        if self.hub.is_heard:
            self.hub.emit(event)

    async def fold(self, core: LiveCore, only_again: bool = False) -> bool:
        """Puts what a stored session taught into its person's profile; see `PersonProfiles.fold`."""
        await self.ready_for_handles()
        owner = self.vault.owner(core.data.user_id)
        return await self.profiles.fold(owner, core.data, only_again=only_again)

    def new_core(self, data: SessionData) -> LiveCore:
        core = LiveCore(
            data=data,
            clock=self.clock,
            counter=self._counter,
            hub=EventHub(self.clock, parent=self.hub),
            key=storage_key("session", self.tenant, data.session_id),
        )
        self.made.add(core)
        return core

    def release(self, core: LiveCore) -> None:
        if core.handles <= 0 and self.cores.get(core.data.session_id) is core:
            del self.cores[core.data.session_id]

    async def close(self) -> None:
        """Closes the storage if it was opened here; what is pending then stays with the sessions."""
        loop = asyncio.get_running_loop()
        if waiting := [task for task in self.background if task.get_loop() is loop]:
            await asyncio.wait(waiting)
        self.is_closed = True
        recorder, self.recorder = self.recorder, None
        if recorder is not None and isinstance(self.config.session_storage, str):
            storage = recorder.storage
            await within(self.config.storage_timeout_seconds, storage.close(), storage.storage_type)


def storage_of(config: VoxonConfig) -> SessionStorage:
    """The storage that the settings name, given only the settings that it has a use for."""
    spec = config.session_storage
    if not isinstance(spec, str):
        return open_storage(spec)
    places: dict[str, dict[str, Any]] = {
        "file": {"path": config.session_storage_path},
        "database": {"url": config.session_database_url},
        "redis": {"redis_url": config.session_redis_url},
    }
    others: dict[str, dict[str, Any]] = {
        "file": {"durability": config.durability},
        "memory": {"max_sessions": config.max_sessions},
        "redis": {"session_prefix": config.session_prefix},
    }
    name = storage_name(spec)
    # A URL says the place itself.
    options = ({} if "://" in spec else places.get(name, {})) | others.get(name, {})
    return open_storage(spec, **{name: value for name, value in options.items() if value is not None})


def ring_of(config: VoxonConfig) -> KeyRing | None:
    """The keys that the settings or the environment give; None lets a key ring file stand in."""
    if config.session_encryption_method == "none":
        return None
    key = config.session_encryption_key or os.environ.get("SESSION_KEY") or None
    return key if key is None or isinstance(key, KeyRing) else KeyRing(key)


async def within(seconds: float, operation: Awaitable[_T], storage: str) -> _T:
    """What the operation gives, or `StorageUnavailableError` after so many seconds; foreign errors become ours."""
    try:
        async with asyncio.timeout(seconds):
            return await operation
    except TimeoutError:
        raise StorageUnavailableError(
            f"{storage} storage did not answer within {seconds:g} s.", storage=storage, operation="open"
        ) from None
    except VoxSessionError:
        raise
    except Exception as error:
        raise StorageError.of_foreign(storage, "open", error) from error

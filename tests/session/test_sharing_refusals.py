"""A refusal tells nothing: not by its words, not by its cost, not by its time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.sharers import at_once, owned, refused, shared_with
from tests.session.stores import WatchedStorage, voxon_on
from voxsession import ConfigurationError, MemorySessionStorage, PermissionDeniedError, Session, Voxon
from voxsession.codec import keys
from voxsession.session.shares import admission
from voxsession.testing import FakeClock

WAYS = ("unknown", "malformed", "wrong_user", "expired", "revoked", "used_up", "deleted")


async def refusals(voxon: Voxon, session: Session, clock: FakeClock) -> dict[str, tuple[Any, str]]:
    """A token and a user for each way to be refused."""
    expired = await session.create_shared_view("doctor", expire_after_hours=1)
    clock.advance(hours=2)
    open_one = await session.create_shared_view("doctor")
    revoked = await session.create_shared_view("doctor")
    await session.revoke_share(revoked.grant_id)
    used_up = await session.create_shared_view("doctor", max_uses=1)
    await voxon.access_shared_session(used_up.token, "doctor")
    async with voxon.session("bob", "gone") as other:
        deleted = await other.create_shared_view("doctor")
    await voxon.delete_session("gone")
    known = {
        "wrong_user": (open_one, "eve"),
        "expired": (expired, "doctor"),
        "revoked": (revoked, "doctor"),
        "used_up": (used_up, "doctor"),
        "deleted": (deleted, "doctor"),
    }
    other_token = "vxs_" + "A" * 43
    return {
        "unknown": (other_token, "doctor"),
        "malformed": ("no token", "doctor"),
        **{why: (view.token, who) for why, (view, who) in known.items()},
    }


@pytest.mark.usefixtures(at_once.__name__)
async def test_all_refusals_are_one() -> None:
    """The same class, the same words, no id, no cause, whatever the reason; the owner is told which."""
    clock, told = FakeClock(), []
    async with owned(clock=clock) as (voxon, session):
        session.events.on("share.refused", lambda event: told.append(event.reason))
        ways = await refusals(voxon, session, clock)
        errors = [await refused(voxon.access_shared_session(*ways[why])) for why in WAYS]
        assert {type(error) for error in errors} == {PermissionDeniedError}
        assert {(str(error), error.args, error.__cause__, *vars(error)) for error in errors} == {
            (str(errors[0]), errors[0].args, None)
        }
        assert told == ["wrong_user", "expired", "revoked", "used_up"]


@pytest.mark.usefixtures(at_once.__name__)
@pytest.mark.parametrize("is_open", [True, False, "in a batch"])
async def test_all_refusals_cost_the_same(is_open: bool | str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same calls of the storage and as many keyed hashes, whether the owner has the session open or not."""
    clock, storage, hashed = FakeClock(), WatchedStorage(), []
    async with owned(storage, clock=clock) as (voxon, session):
        ways = await refusals(voxon, session, clock)
        if not is_open:
            await session.close()
        plain = keys.hmac.new

        def counted(*args: Any) -> Any:
            hashed.append(1)
            return plain(*args)

        monkeypatch.setattr(keys.hmac, "new", counted)
        costs = {}
        with session.batch_update() if is_open == "in a batch" else contextlib.nullcontext():
            for why in WAYS:
                storage.taken(), hashed.clear()
                await refused(voxon.access_shared_session(*ways[why]))
                costs[why] = (tuple(storage.taken()), len(hashed))
                await asyncio.gather(*voxon._home.background)
        assert {calls for calls, _ in costs.values()} == {("load", "load")}
        assert len({count for _, count in costs.values()}) == 1, costs


async def test_all_refusals_take_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each comes at the end of a whole span, however long its look took; answers are not held up."""
    clock, storage, held_up = FakeClock(), WatchedStorage(), list[float]()

    async def sleep(seconds: float) -> None:
        held_up.append(seconds)
        clock.advance(seconds=seconds)

    async def slowly(name: str, call: Any) -> Any:
        clock.advance(seconds=look_seconds / 2)  # a refusal looks twice
        return await call()

    async with owned(storage, clock=clock) as (voxon, session):
        ways = await refusals(voxon, session, clock)
        monkeypatch.setattr(admission, "asyncio", SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
        storage.mishap, span = slowly, admission.REFUSAL_SECONDS
        for is_batch in (False, True):
            for number, why in enumerate(WAYS):
                for look_seconds in (0, 0.01 * (number + 1), 0.01 * (number + 1) + span):
                    began = clock.monotonic()
                    with session.batch_update() if is_batch else contextlib.nullcontext():
                        await refused(voxon.access_shared_session(*ways[why]))
                        taken = clock.monotonic() - began
                    await asyncio.gather(*voxon._home.background)
                    spans = 1 if look_seconds < span else 2
                    assert taken == pytest.approx(spans * span), (why, is_batch, look_seconds)
        assert len(held_up) == 2 * len(WAYS) * 3
        shared, _ = await shared_with(voxon, session)
        held_up.clear()
        for _ in range(20):
            await shared.get_memory()
        assert not held_up


async def test_a_refusal_is_really_held_up() -> None:
    """By the time of the machine too."""
    clock = FakeClock()
    async with owned(clock=clock) as (voxon, session):
        ways = await refusals(voxon, session, clock)
        began = time.monotonic()
        await refused(voxon.access_shared_session(*ways["revoked"]))
        assert time.monotonic() - began >= admission.REFUSAL_SECONDS * 0.99


def _altered(token: str, how: str, place: int) -> Any:
    letter = token[place % len(token)]
    return {
        "cut": token[:place],
        "extended": token + token[: place + 1],
        "cased": token[:place] + letter.swapcase() + token[place + 1 :]
        if letter.isalpha()
        else token.upper(),
        "other": token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :],
        "spaced": f" {token}\n",
        "huge": token * 25_000,
        "bytes": token.encode(),
        "none": None,
        "number": 7,
        "list": [token],
        "lone": token[:10] + "\ud800" + token[11:],
        "wide": token.translate({ord(one): ord(one) + 0xFEE0 for one in token}),
    }[how]


HOWS = "cut extended cased other spaced huge bytes none number list lone wide".split()


@settings(max_examples=60)
@given(st.sampled_from(HOWS), st.integers(0, 46))
def test_a_token_that_is_not_the_token_opens_nothing(how: str, place: int) -> None:
    """Cut, extended, in another case, a letter changed, a megabyte long, or no text at all."""

    async def check() -> None:
        admission.REFUSAL_SECONDS = 0
        async with owned() as (voxon, session):
            view = session.create_shared_view("doctor")
            for _ in range(2):
                error = await refused(voxon.access_shared_session(_altered(view.token, how, place), "doctor"))
                assert str(error) == admission.REFUSED
                await session.save()
            await voxon.access_shared_session(view.token, "doctor")

    before = admission.REFUSAL_SECONDS
    try:
        asyncio.run(check())
    finally:
        admission.REFUSAL_SECONDS = before


@pytest.mark.usefixtures(at_once.__name__)
async def test_tokens_of_other_tenants_and_installations_are_unknown() -> None:
    """Neither another tenant of the same storage nor an installation with other keys knows the token."""
    storage = MemorySessionStorage(max_sessions=None)
    async with (
        owned(storage, tenant="acme") as (acme, session),
        owned(storage, tenant="globex") as (globex, other),
        owned(session_encryption_key="hex:" + "11" * 32) as (elsewhere, _),
        voxon_on(storage) as without,
    ):
        view = await session.create_shared_view("doctor", permissions=["read"])
        told: list[Any] = []
        other.events.on("share.*", told.append)
        for voxon in (globex, elsewhere, without):
            await refused(voxon.access_shared_session(view.token, "doctor"))
        assert told == [] and await acme.access_shared_session(view.token, "doctor")


@pytest.mark.usefixtures(at_once.__name__)
@pytest.mark.parametrize("wrong", [None, "", 7, "x" * 1001, "\ud800"])
async def test_who_asks_has_to_be_said(wrong: Any) -> None:
    """A missing or impossible user is the app's mistake and is named, before anything is looked up."""
    storage = WatchedStorage()
    async with owned(storage) as (voxon, session):
        view = await session.create_shared_view("doctor")
        storage.taken()
        with pytest.raises(ConfigurationError, match=r"user_id|who asks"):
            await voxon.access_shared_session(view.token, wrong)
        assert storage.taken() == []


@pytest.mark.usefixtures(at_once.__name__)
@pytest.mark.parametrize("who", ["Doctor", "doctor ", "doctоr", "doctor\0", "DOCTOR"])
async def test_nearly_the_same_person_is_another(who: str) -> None:
    """User ids are compared to the last character."""
    async with owned() as (voxon, session):
        view = await session.create_shared_view("doctor")
        await refused(voxon.access_shared_session(view.token, who))

"""How the Redis storage connects: URLs, ready clients, TLS, event loops, and what is told when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import ipaddress
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis as BlockingRedis
from redis.asyncio import Redis

from tests.patience import LONG_SECONDS
from tests.servers.redis import RedisServer, ask, find_server, has_tls, new_prefix
from voxsession.core.envelope import Record
from voxsession.errors import (
    ConfigurationError,
    StorageError,
    StorageFullError,
    StorageUnavailableError,
    VoxSessionError,
)
from voxsession.storage.redis import RedisSessionStorage
from voxsession.storage.registry import open_storage
from voxsession.testing.records import a_batch, a_document, a_page

pytestmark = pytest.mark.server

SECRET = "p:ss/w@rd#1"


async def use(storage: Any, seq: int = 1) -> Record | None:
    """One write and one read."""
    await storage.save(a_document(seq=seq))
    found: Record | None = await storage.load("sess_1")
    return found


# --- URLs


@pytest.mark.parametrize("scheme", ["redis", "REDIS", "valkey"])
async def test_urls_of_one_server(redis_server: RedisServer, scheme: str) -> None:
    """redis:// and valkey:// lead to a server, by the name of the storage or by the URL alone."""
    url = f"{scheme}://127.0.0.1:{redis_server.port}/0"
    for storage in (
        open_storage(url, session_prefix=new_prefix()),
        open_storage("redis", redis_url=url, session_prefix=new_prefix()),
    ):
        assert await use(storage) == {**a_document(), "tail": []}
        await storage.close()


async def test_a_socket_file(redis_server: RedisServer) -> None:
    """unix:// leads to a socket file."""
    storage = open_storage(redis_server.socket_url, session_prefix=new_prefix())
    assert await use(storage) == {**a_document(), "tail": []}
    await storage.close()


async def test_databases_are_apart(redis_server: RedisServer) -> None:
    """The argument `db` goes before the URL's number."""
    prefix = new_prefix()
    one = RedisSessionStorage(f"{redis_server.url}/0", session_prefix=prefix, db=3)
    other = RedisSessionStorage(f"{redis_server.url}/3", session_prefix=prefix)
    third = RedisSessionStorage(redis_server.url, session_prefix=prefix)
    await one.save(a_document())

    assert await other.load("sess_1") is not None
    assert await third.load("sess_1") is None
    for storage in (one, other, third):
        await storage.close()


async def test_prefixes_are_apart(redis_server: RedisServer) -> None:
    """Two prefixes are two storages; a colon at the end makes no difference."""
    prefix = new_prefix()
    one, same, other = (
        RedisSessionStorage(redis_server.url, session_prefix=name)
        for name in (prefix, f"{prefix}:", new_prefix())
    )
    await one.save(a_document())
    assert await same.load("sess_1") is not None
    assert await other.load("sess_1") is None
    assert await other.list_sessions() == []
    for storage in (one, same, other):
        await storage.close()


@pytest.mark.parametrize(
    "url", ["", "localhost", "http://h", f"redis://:{SECRET}@h:port", f"rediss://:{SECRET}@h:1?db=x", 7]
)
def test_what_is_no_url_is_refused(url: Any) -> None:
    """Anything else is a ConfigurationError that does not repeat the URL, which may hold a password."""
    with pytest.raises(ConfigurationError, match="session_redis_url") as caught:
        RedisSessionStorage(url)
    assert SECRET not in f"{caught.value}{caught.value.value}"


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster"])
@pytest.mark.parametrize(
    ("rest", "named"),
    [
        ("?max_connections=0", "max_connections"),
        ("?max_connections=a", "max_connections"),
        ("?socket_timeout=0", "socket_timeout"),
        ("?nonsense=1", "nonsense"),
        ("/abc", "session_redis_url"),
        ("/-1", "session_redis_url"),
    ],
)
def test_impossible_parts_of_a_url_are_refused(scheme: str, rest: str, named: str) -> None:
    """What no connection could be made with is told when the storage is made, without the password."""
    with pytest.raises(ConfigurationError, match=named) as caught:
        RedisSessionStorage(f"{scheme}://:s3cret@h:1{rest}")
    assert "s3cret" not in f"{caught.value}{caught.value.value}"


# --- ready clients


@pytest.mark.parametrize("make", [lambda: 5, BlockingRedis, lambda: Redis], ids=["5", "blocking", "class"])
def test_what_is_no_client_is_refused(make: Callable[[], Any]) -> None:
    """A blocking client, or what is none, is a ConfigurationError that says which ones serve."""
    with pytest.raises(ConfigurationError, match=r"client.*redis\.asyncio\.Redis"):
        RedisSessionStorage(client=make())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"decode_responses": True},
        {"decode_responses": True, "encoding": "latin-1"},
        {"protocol": 2},
        {"protocol": 3},
    ],
    ids=str,
)
async def test_a_ready_client_serves_and_stays_open(
    redis_server: RedisServer, options: dict[str, Any]
) -> None:
    """Whatever a ready client does with answers, records come back exactly; it is not closed."""
    client = Redis.from_url(redis_server.url, **options)
    storage = RedisSessionStorage(client=client, session_prefix=new_prefix())
    body = "é\0\u2028👩 \ufffd"
    await storage.save(a_document(body=body, owner=body))
    await storage.append("sess_1", a_batch(body=body, owner=body))
    await storage.save_page("sess_1", a_page(body=body))

    assert await storage.load("sess_1") == {
        **a_document(body=body, owner=body),
        "tail": [a_batch(body=body, owner=body)],
    }
    assert await storage.load_page("sess_1", "page_1") == a_page(body=body)
    assert [name for name, _ in await storage.list_pages("sess_1")] == ["page_1"]
    assert [header["owner"] for header in await storage.list_sessions(owner=body)] == [body]
    assert (await storage.get_stats())["persistence"]["appendonly"] == "no"
    assert await storage.delete("sess_1")
    await storage.close()
    assert await client.ping()
    await client.aclose()


async def test_a_ready_client_is_not_asked_for_more_than_it_has(redis_server: RedisServer) -> None:
    """More calls at once than a ready client, or a URL, has connections wait for one."""
    client = Redis.from_url(redis_server.url, max_connections=3)
    for storage in (
        RedisSessionStorage(client=client, session_prefix=new_prefix()),
        RedisSessionStorage(f"{redis_server.url}?max_connections=2", session_prefix=new_prefix()),
    ):
        await asyncio.gather(*(storage.save(a_document(f"s{number}")) for number in range(50)))
        assert len(await storage.list_sessions()) == 50
        await storage.close()
    await client.aclose()


# --- passwords and TLS


@pytest.fixture
def locked_redis() -> Iterator[RedisServer]:
    server = RedisServer(f'requirepass "{SECRET}"')
    try:
        server.start()
        yield server
    finally:
        server.remove()


async def test_passwords(locked_redis: RedisServer) -> None:
    """The argument goes before the URL's; a wrong or a missing one is a ConfigurationError that shows none."""
    host = f"127.0.0.1:{locked_redis.port}"
    right = RedisSessionStorage(f"redis://:nonsense@{host}", password=SECRET)
    assert await use(right) is not None
    await right.close()
    for url, password in (
        (f"redis://{host}", None),
        (f"redis://:wr0ng@{host}", None),
        (f"redis://{host}", "wr0ng"),
    ):
        storage = RedisSessionStorage(url, password=password)
        for call in (storage.open, lambda: storage.load("sess_1")):  # noqa: B023
            with pytest.raises(ConfigurationError, match="password") as caught:
                await call()
            assert "wr0ng" not in f"{caught.value}{storage!r}{(await storage.health_check())['error']}"
        await storage.close()


async def test_a_user_who_may_not_is_told(own_redis: RedisServer) -> None:
    """A user without the commands that are needed is a matter of configuration; INFO and CONFIG may be refused."""
    ask(own_redis.port, "ACL", "SETUSER", "poor", "on", ">pw", "~*", "+@all", "-info", "-config")
    poor = RedisSessionStorage(f"redis://poor:pw@127.0.0.1:{own_redis.port}")
    assert await use(poor) is not None
    stats = await poor.get_stats()
    assert "ask who runs it" in stats["persistence"]["meaning"]
    ask(own_redis.port, "ACL", "SETUSER", "poor", "-evalsha")
    with pytest.raises(ConfigurationError, match=r"\+@scripting"):
        await poor.load("sess_1")
    await poor.close()


def write_certificate(folder: Path) -> None:
    """A key and a certificate of its own for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "voxsession tests")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


async def test_tls() -> None:
    """rediss:// checks the server's certificate, and a plain connection gets nowhere."""
    found = find_server()
    if found is None or not has_tls(found):
        pytest.skip("the redis-server that was found was built without TLS; Debian's has it")
    server = RedisServer(
        "tls-port PORT", "tls-cert-file cert.pem", "tls-key-file key.pem", "tls-auth-clients no", tls=True
    )
    try:
        write_certificate(server.folder)
        server.start()
        for scheme in ("rediss", "valkeys"):
            url = f"{scheme}://127.0.0.1:{server.port}?ssl_ca_certs={server.folder / 'cert.pem'}"
            storage = RedisSessionStorage(url, session_prefix=scheme)
            assert await use(storage) is not None
            await storage.close()
        for url in (f"rediss://127.0.0.1:{server.port}", f"redis://127.0.0.1:{server.port}"):
            storage = RedisSessionStorage(url)
            with pytest.raises(StorageUnavailableError):
                await storage.load("sess_1")
            await storage.close()
    finally:
        server.remove()


# --- event loops, closing, cancelling


def test_one_event_loop_after_another(redis_server: RedisServer) -> None:
    """A storage serves asyncio.run again and again; each loop's connections end with it, also without close()."""
    storage = RedisSessionStorage(redis_server.url, session_prefix=new_prefix())
    before = newest_client(redis_server)
    for seq in (1, 2, 3):
        assert (asyncio.run(use(storage, seq)) or {})["seq"] == seq
    until_all_are_gone(redis_server, before)


async def test_two_event_loops_at_once(redis_server: RedisServer) -> None:
    """Another loop in another thread has connections of its own."""
    storage = RedisSessionStorage(redis_server.url, session_prefix=new_prefix())
    await storage.save(a_document())
    await asyncio.to_thread(asyncio.run, use(storage, 2))

    assert await use(storage, 3) == {**a_document(seq=3), "tail": []}
    await storage.close()


async def test_closing_waits_for_calls_and_lets_go(redis_server: RedisServer) -> None:
    """What has begun ends well, no connection is left, and a later call opens again."""
    before = newest_client(redis_server)
    storage = RedisSessionStorage(redis_server.url, session_prefix=new_prefix(), max_connections=2)
    await storage.open()
    calls = [asyncio.ensure_future(storage.save(a_document(f"s{number}"))) for number in range(20)]
    await asyncio.sleep(0)
    await storage.close()
    await asyncio.gather(*calls)
    until_all_are_gone(redis_server, before)

    assert len(await storage.list_sessions()) == 20
    await storage.close()
    until_all_are_gone(redis_server, before)


def newest_client(server: RedisServer) -> int:
    """The number of the latest connection that the server has; later ones have greater numbers."""
    return max(int(number) for number in re.findall(r"^id=(\d+)", ask(server.port, "CLIENT", "LIST"), re.M))


def until_all_are_gone(server: RedisServer, before: int) -> None:
    """Waits until the server has seen the end of every connection since then, questions like this one left out."""
    deadline = time.monotonic() + LONG_SECONDS
    while left := [
        line
        for line in ask(server.port, "CLIENT", "LIST").splitlines()
        if line and int(line.split()[0].removeprefix("id=")) > before and "cmd=client" not in line
    ]:
        assert time.monotonic() < deadline, left
        time.sleep(0.01)


async def test_a_call_beside_a_close_opens_again(redis_server: RedisServer) -> None:
    """Who calls while the storage is being closed is served, and a second close leaves no connection."""
    before = newest_client(redis_server)
    storage = RedisSessionStorage(redis_server.url, session_prefix=new_prefix())
    await storage.save(a_document())
    for _ in range(3):
        await asyncio.gather(storage.close(), storage.load("sess_1"), storage.close(), storage.load("sess_1"))
    await storage.close()
    until_all_are_gone(redis_server, before)


async def test_a_cancelled_call_leaves_no_answer_behind(redis_server: RedisServer) -> None:
    """However calls are cancelled, each later one gets its own answer."""
    chance = random.Random(7)
    storage = RedisSessionStorage(redis_server.url, session_prefix=new_prefix(), max_connections=2)
    names = [f"s{number}" for number in range(8)]
    for name in names:
        await storage.save(a_document(name, body=name * 20_000))
    for _ in range(60):
        calls = [asyncio.ensure_future(storage.load(name)) for name in names]
        await asyncio.sleep(chance.random() * 0.002)
        for call in chance.sample(calls, 4):
            call.cancel()
        for name, outcome in zip(names, await asyncio.gather(*calls, return_exceptions=True), strict=True):
            assert isinstance(outcome, asyncio.CancelledError) or outcome["sealed"]["core"] == name * 20_000
    await storage.close()


# --- failures


async def test_nobody_there_is_told_soon() -> None:
    """A refused connection is StorageUnavailableError, after a few tries and well within a second."""
    storage = RedisSessionStorage("redis://:pw@127.0.0.1:1")
    began = time.monotonic()
    for call in (storage.open, lambda: storage.append("sess_1", a_batch()), storage.get_stats):
        with pytest.raises(StorageUnavailableError, match=r"127\.0\.0\.1:1") as caught:
            await call()
        assert (caught.value.storage, "pw" in str(caught.value)) == ("redis", False)
    assert time.monotonic() - began < 5
    assert (await storage.health_check())["status"] == "unhealthy"


async def test_a_paused_server_is_told_in_time(own_redis: RedisServer) -> None:
    """No answer is StorageUnavailableError after the time named; the next call of a server that goes on is served."""
    storage = RedisSessionStorage(f"{own_redis.url}?socket_timeout=0.5", retry_on_timeout=False)
    await storage.save(a_document())
    own_redis.pause()
    began = time.monotonic()
    with pytest.raises(StorageUnavailableError, match=r"no answer within 0\.5 s"):
        await storage.append("sess_1", a_batch())
    with pytest.raises(StorageUnavailableError, match=r"no answer within 0\.5 s"):
        await RedisSessionStorage(f"{own_redis.url}?socket_timeout=0.5").open()
    assert time.monotonic() - began < 10
    own_redis.resume()

    await storage.append("sess_1", a_batch())
    assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch()]}
    await storage.close()


async def test_a_restarted_server_is_one_call_that_waits(own_redis: RedisServer) -> None:
    """After a restart, and after one that killed it, every call goes on by itself; nothing acknowledged is lost."""
    storage = RedisSessionStorage(own_redis.url)
    await storage.save(a_document())
    for seq, restart in enumerate((own_redis.restart, own_redis.kill), 2):
        restart()
        if seq == 3:
            own_redis.start()
        await storage.append("sess_1", a_batch(seq=seq))

    assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch(seq=2), a_batch(seq=3)]}
    assert "on the server's disk" in (await storage.get_stats())["persistence"]["meaning"]
    await storage.close()


async def test_killing_the_server_loses_nothing_acknowledged(own_redis: RedisServer) -> None:
    """50 sessions that are written while the server is killed twice: each batch that was acknowledged is there once."""
    storage = RedisSessionStorage(own_redis.url)
    names = [f"s{number}" for number in range(50)]
    await asyncio.gather(*(storage.save(a_document(name)) for name in names))
    newest, failures, is_over = dict.fromkeys(names, 1), 0, False

    async def live(name: str) -> None:
        nonlocal failures
        while not is_over:
            seq = newest[name] + 1
            try:
                await storage.append(name, a_batch(name, seq))
                newest[name] = seq
            except StorageUnavailableError:
                failures += 1

    writing = asyncio.gather(*(live(name) for name in names))
    for _ in range(2):
        await asyncio.sleep(0.1)
        await asyncio.to_thread(own_redis.kill)
        await asyncio.to_thread(own_redis.start)
    await asyncio.sleep(0.1)
    is_over = True
    await writing

    for name in names:
        record = await storage.load(name)
        assert record is not None
        batches = [a_batch(name, seq) for seq in range(2, newest[name] + 1)]
        # Of a call that was told of the failure at the very end the batch may have arrived.
        assert record["tail"] in (batches, [*batches, a_batch(name, newest[name] + 1)])
    print(
        f"{sum(newest.values()) - 50} batches of 50 sessions arrived once; {failures} calls were told of the failure"
    )
    await storage.close()


async def test_a_server_that_forgot_the_scripts_is_told_them(redis_server: RedisServer) -> None:
    """After SCRIPT FLUSH every call is served, also many at once."""
    storage = RedisSessionStorage(redis_server.url, session_prefix=new_prefix())
    await storage.save(a_document())
    ask(redis_server.port, "SCRIPT", "FLUSH")
    await asyncio.gather(*(storage.append("sess_1", a_batch()) for _ in range(20)))
    ask(redis_server.port, "SCRIPT", "FLUSH")
    assert await storage.load("sess_1") == {**a_document(), "tail": [a_batch()]}
    await storage.close()


async def test_a_full_server_is_told(own_redis: RedisServer) -> None:
    """Where the memory is used up, writes are StorageFullError; reading and deleting go on."""
    storage = RedisSessionStorage(own_redis.url)
    await storage.save(a_document())
    ask(own_redis.port, "CONFIG", "SET", "maxmemory", "1")
    for call in (storage.append("sess_1", a_batch()), storage.save_page("sess_1", a_page())):
        with pytest.raises(StorageFullError):
            await call
    assert await storage.load("sess_1") == {**a_document(), "tail": []}
    assert await storage.delete("sess_1")
    await storage.close()


async def test_a_server_that_cannot_write_its_disk_is_told() -> None:
    """Where snapshots fail, as on a full disk, writes are StorageFullError and reading goes on."""
    server = RedisServer("save 3600 1")
    try:
        server.start()
        storage = RedisSessionStorage(server.url)
        await storage.save(a_document())
        server.folder.chmod(0o500)
        ask(server.port, "BGSAVE")
        while "rdb_last_bgsave_status:err" not in ask(server.port, "INFO", "persistence"):
            await asyncio.sleep(0.02)
        with pytest.raises(StorageFullError, match="MISCONF"):
            await storage.append("sess_1", a_batch())
        assert await storage.load("sess_1") == {**a_document(), "tail": []}
        await storage.close()
    finally:
        server.folder.chmod(0o700)
        server.remove()


async def test_a_replica_is_told(own_redis: RedisServer) -> None:
    """A server that only reads is told as such: a retry may find the right one, and it is not away."""
    storage = RedisSessionStorage(own_redis.url)
    await storage.save(a_document())
    ask(own_redis.port, "REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StorageUnavailableError, match="read-only replica") as caught:
        await storage.append("sess_1", a_batch())
    assert "away" not in str(caught.value)
    await storage.close()


async def test_any_other_failure_is_a_storage_error(redis_server: RedisServer) -> None:
    """An answer that nobody has thought of is StorageError with the server's words, never the driver's class."""
    storage = RedisSessionStorage(redis_server.url, session_prefix=new_prefix(), db=1000)
    with pytest.raises(VoxSessionError) as caught:
        await storage.load("sess_1")
    assert isinstance(caught.value, StorageError)
    with contextlib.suppress(VoxSessionError):
        await storage.close()

"""Counting tokens: exactly with the ranks, estimated without them, and never with a surprise."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import logging
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxsession.errors import ConfigurationError
from voxsession.memory import token_ranks
from voxsession.memory.token_ranks import find_ranks
from voxsession.memory.tokens import (
    EstimatedCounter,
    LateCounter,
    TiktokenCounter,
    TokenCounter,
    count_long,
)

ENCODINGS = ("o200k_base", "cl100k_base")
CACHE_NAMES = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}

# Any string that Python can hold, lone surrogates and control characters included.
ANY_TEXT = st.text(st.characters(exclude_categories=()))
SOME_TEXT = st.one_of(ANY_TEXT, st.text(st.sampled_from("aZé9 \n\t-—=─😀字я'’|\ud800"), max_size=60))

CONVERSATION = (
    "Hello, this is Ana Kowalski. I am calling about the order I placed last week; it has not arrived yet.",
    "I'm sorry to hear that! Could you give me the order number, please? It begins with “VX”.",
    "Of course, it's VX-204871. I would rather have it delivered to the office — nobody is at home by day.",
    "Understood. I have changed the address to 12 Market Street, 3rd floor. You'll get a text message at 9:30.",
    "Je voudrais savoir où en est ma commande passée la semaine dernière, s'il vous plaît.",
    "Ich hätte gern gewusst, wann meine Bestellung geliefert wird.",
    "Привет, я звоню по поводу моего заказа, он до сих пор не пришёл.",
    "你好,我想问一下我上周下的订单什么时候能送到,谢谢你的帮助。",
    "こんにちは、先週注文した商品はいつ届きますか。住所が変わりました。",
    "안녕하세요, 지난주에 주문한 상품이 언제 도착하는지 알고 싶습니다.",
    "مرحبا، أود أن أعرف متى سيصل طلبي الذي قدمته الأسبوع الماضي.",
    "गर्मी में मैं जानना चाहता हूँ कि मेरा ऑर्डर कब पहुँचेगा।",
    "გამარჯობა, მაინტერესებს როდის მოვა ჩემი შეკვეთა ახალ მისამართზე.",
    '{"name": "lookup_order", "arguments": {"order_id": "VX-204871", "include_items": true}}',
    "def total(items: list[Item]) -> int:\n    return sum(item.price * item.count for item in items)\n",
)


def missing_ranks(message: str) -> None:
    """Skips the test, or fails it where the ranks have to be: in CI."""
    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture
def ranks() -> Path:
    """The folder with the real rank files of both encodings."""
    folder = os.environ.get("VOXSESSION_TIKTOKEN_DIR")
    if not folder:
        missing_ranks("VOXSESSION_TIKTOKEN_DIR is not set: the rank files were not fetched")
    path = Path(str(folder))
    for encoding in ENCODINGS:
        if not (path / CACHE_NAMES[encoding]).is_file():
            missing_ranks(f"the rank file of {encoding} was not fetched")
    return path


@pytest.fixture
def nowhere(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process that has loaded nothing, on a machine without ranks; the path is its temporary folder."""
    for variable in ("VOXSESSION_TIKTOKEN_DIR", "TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        monkeypatch.delenv(variable, raising=False)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.setattr(token_ranks, "_CARRIERS", ())
    monkeypatch.setattr(token_ranks, "_built", {})
    return temporary


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every attempt to reach the network fails, and is listed."""
    attempts: list[str] = []

    def refuse(*args: object, **kwargs: object) -> None:
        attempts.append(repr(args))
        raise OSError("no network in this test")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return attempts


@functools.cache
def exact(encoding: str) -> TiktokenCounter:
    """One exact counter for all tests, since the given ones cannot use fixtures for each example."""
    return TiktokenCounter(encoding)


def spoil(folder: Path, encoding: str = "o200k_base", name: str | None = None) -> Path:
    """A file of the right name and size whose contents are wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (name or CACHE_NAMES[encoding])
    path.write_bytes(b"x" * token_ranks._RANK_FILES[encoding].size_bytes)
    return path


class TestEstimate:
    @pytest.mark.parametrize("guard", [False, True])
    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_any_text_has_a_plausible_count(self, encoding: str, guard: bool) -> None:
        """Whatever the text, its count is at least 1, at most its UTF-8 bytes, and 0 only for no text."""
        counter = EstimatedCounter(encoding, guard=guard)

        @given(SOME_TEXT)
        def law(text: str) -> None:
            upper = len(text.encode("utf-8", "surrogatepass"))
            assert min(1, upper) <= counter.count(text) <= upper

        law()

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_more_text_is_not_fewer_tokens(self, encoding: str) -> None:
        """Text that is added lowers a count by at most 3: a word may become cheaper, a line of dashes too."""
        counter = EstimatedCounter(encoding, guard=True)

        @given(SOME_TEXT, SOME_TEXT)
        def law(text: str, more: str) -> None:
            assert counter.count(text + more) >= counter.count(text) - 3

        law()

    @given(SOME_TEXT)
    def test_guard_is_never_below_the_plain_number(self, text: str) -> None:
        """The number for a hard limit is not smaller than the number that is shown."""
        assert EstimatedCounter(guard=True).count(text) >= EstimatedCounter().count(text)

    def test_guard_adds_fifteen_percent(self) -> None:
        """The number for a hard limit is 15 % above the number that is shown, rounded up."""
        text = " ".join(["weather"] * 1001)

        assert EstimatedCounter().count(text) == 1101
        assert EstimatedCounter(guard=True).count(text) == 1267  # 1101.1 × 1.15 = 1266.3

    def test_guarded_numbers_have_a_name_of_their_own(self) -> None:
        """Stored counts say whether they were guarded."""
        assert EstimatedCounter("cl100k_base").name == "estimate/cl100k_base"
        assert EstimatedCounter("cl100k_base", guard=True).name != "estimate/cl100k_base"
        assert not EstimatedCounter().exact

    def test_accented_word_is_one_word(self) -> None:
        """A word with an accented letter inside is not weighed as two words."""
        assert EstimatedCounter("cl100k_base").count("straße") == round(0.94 + 0.50 * 5)

    def test_long_rule_is_cheap(self) -> None:
        """A line of dashes is a few tokens, not one for each dash."""
        assert EstimatedCounter().count("─" * 80) <= 6

    def test_unknown_encoding_is_refused(self) -> None:
        """An encoding without weights is a configuration error that names the known ones."""
        with pytest.raises(ConfigurationError, match="cl100k_base, o200k_base") as caught:
            EstimatedCounter("p50k_base")

        assert caught.value.option == "encoding"

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_estimate_is_near_the_real_count(self, encoding: str, ranks: Path) -> None:
        """One message is estimated within 40 %, a mixed conversation within 10 %."""
        estimated = [EstimatedCounter(encoding).count(text) for text in CONVERSATION]
        real = [exact(encoding).count(text) for text in CONVERSATION]

        assert all(0.6 <= e / r <= 1.4 for e, r in zip(estimated, real, strict=True)), (estimated, real)
        assert 0.9 <= sum(estimated) / sum(real) <= 1.1


class TestExact:
    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_any_text_has_a_plausible_count(self, encoding: str, ranks: Path) -> None:
        """Whatever the text, surrogates included, its count is at least 1 and at most its UTF-8 bytes."""
        counter = exact(encoding)

        @given(SOME_TEXT)
        def law(text: str) -> None:
            upper = len(text.encode("utf-8", "surrogatepass"))
            assert min(1, upper) <= counter.count(text) <= upper

        law()

    def test_known_counts(self, ranks: Path) -> None:
        """Counts are those of the published encodings."""
        assert [exact(encoding).count("hello world") for encoding in ENCODINGS] == [2, 2]
        assert exact("cl100k_base").count("antidisestablishmentarianism") == 6
        assert exact("o200k_base").count("") == 0

    def test_encodings_are_the_published_ones(self, ranks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Addresses, hashes, patterns and special tokens are those of the installed tiktoken."""
        from tiktoken_ext import openai_public  # type: ignore[import-untyped,unused-ignore]

        asked: list[tuple[str, str]] = []

        def listed(address: str, expected_hash: str) -> dict[bytes, int]:
            asked.append((address, expected_hash))
            return {}

        monkeypatch.setattr(openai_public, "load_tiktoken_bpe", listed)
        for encoding, ours in token_ranks._RANK_FILES.items():
            theirs = openai_public.ENCODING_CONSTRUCTORS[encoding]()
            assert asked[-1] == (ours.address, ours.sha256)
            assert hashlib.sha1(ours.address.encode()).hexdigest() == ours.cache_name
            assert theirs["pat_str"] == ours.pattern
            assert theirs["special_tokens"] == ours.special_tokens

    def test_special_token_is_text(self, ranks: Path) -> None:
        """A user who types a special token has typed seven tokens of text."""
        assert exact("o200k_base").count("<|endoftext|>") == 7

    def test_million_blanks_do_not_panic(self, ranks: Path) -> None:
        """A million blanks, on which tiktoken panics, are counted."""
        assert 7_800 <= exact("o200k_base").count(" " * 1_100_000) <= 9_000

    def test_lone_surrogates_are_counted(self, ranks: Path) -> None:
        """Text that is not Unicode is counted, at a cut between two pieces too."""
        assert exact("o200k_base").count("\ud83d") >= 1
        assert exact("o200k_base").count("\ud83d\ude00" * 100_001) >= 100_000

    @pytest.mark.parametrize("encoding", ENCODINGS)
    def test_pieces_of_prose_add_up(self, encoding: str, ranks: Path) -> None:
        """A long text that is encoded in pieces has the count of the whole."""
        text = " ".join(CONVERSATION) * 200
        whole = token_ranks.load_encode(encoding)

        assert len(text) > 200_000
        assert whole is not None
        assert exact(encoding).count(text) == len(whole(text))

    def test_repeated_count_is_remembered(self, ranks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A short text is encoded once, a long one each time, so that little text stays in memory."""
        encoded: list[str] = []

        def encode(text: str) -> list[int]:
            encoded.append(text)
            return [0]

        monkeypatch.setattr(token_ranks, "_built", {"o200k_base": encode})
        counter = TiktokenCounter()
        for text in ("short", "short", "long" * 1000, "long" * 1000):
            counter.count(text)

        assert encoded == ["short", "long" * 1000, "long" * 1000]

    def test_without_ranks_it_says_how_to_supply_them(self, nowhere: Path) -> None:
        """An exact counter that cannot be exact is a configuration error with the way out."""
        with pytest.raises(ConfigurationError, match="VOXSESSION_TIKTOKEN_DIR") as caught:
            TiktokenCounter("cl100k_base")

        told = str(caught.value)
        assert "Voxon(token_counter=LateCounter('cl100k_base', rank_dir=...))" in told
        assert "LateCounter('cl100k_base', allow_download=True)" in told
        assert f"LateCounter is in {LateCounter.__module__}." in told

    def test_long_text_does_not_hold_the_loop(self, ranks: Path) -> None:
        """While 1.2 MB are counted, the event loop goes on."""
        counter = exact("o200k_base")
        text = "a" * 1_200_000  # one endless word is slow: 0.2 s

        async def scenario() -> tuple[int, list[float]]:
            gaps: list[float] = []
            task = asyncio.create_task(count_long(counter, text))
            while not task.done():
                before = time.perf_counter()
                await asyncio.sleep(0.001)
                gaps.append(time.perf_counter() - before)
            return await task, gaps

        count, gaps = asyncio.run(scenario())

        assert count == counter.count(text)
        # Not the worst gap: on a busy machine that measures the machine. A blocked loop would turn once or twice.
        assert len(gaps) > 10


class TestCountLong:
    @pytest.mark.parametrize(("characters", "in_thread"), [(32 * 1024, False), (32 * 1024 + 1, True)])
    def test_only_long_texts_go_to_a_thread(self, characters: int, in_thread: bool) -> None:
        """Up to 32 KB are counted at once, more in a thread."""
        threads: list[threading.Thread] = []

        class Spy:
            name = "spy"
            exact = True

            def count(self, text: str) -> int:
                threads.append(threading.current_thread())
                return len(text)

        counter: TokenCounter = Spy()

        assert asyncio.run(count_long(counter, "a" * characters)) == characters
        assert (threads[0] is not threading.main_thread()) == in_thread


class TestFindRanks:
    def test_order_of_search(
        self, ranks: Path, nowhere: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each place is preferred to all that come after it."""
        places = [nowhere.parent / name for name in ("explicit", "ours", "tiktoken", "gym")]
        places += [nowhere / "data-gym-cache", home / "tiktoken"]
        for place in places:
            place.mkdir()
            shutil.copy(ranks / CACHE_NAMES["cl100k_base"], place)
        for variable, place in zip(
            ("VOXSESSION_TIKTOKEN_DIR", "TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"), places[1:4], strict=True
        ):
            monkeypatch.setenv(variable, str(place))

        assert find_ranks("cl100k_base", places[0]) == places[0] / CACHE_NAMES["cl100k_base"]
        for place in places[1:]:
            found = find_ranks("cl100k_base")
            assert found == place / CACHE_NAMES["cl100k_base"]
            found.unlink()
        assert find_ranks("cl100k_base") is None

    @pytest.mark.parametrize("name", [CACHE_NAMES["cl100k_base"], "cl100k_base.tiktoken"])
    def test_both_names_are_known(self, name: str, ranks: Path, tmp_path: Path) -> None:
        """A rank file may be called as in tiktoken's cache or by its encoding."""
        shutil.copy(ranks / CACHE_NAMES["cl100k_base"], tmp_path / name)

        assert find_ranks("cl100k_base", rank_dir=str(tmp_path)) == tmp_path / name

    @pytest.mark.parametrize("package, inside", token_ranks._CARRIERS)
    def test_installed_package_is_not_imported(
        self, package: str, inside: str, ranks: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Ranks inside an installed package are found without running its code."""
        site = nowhere / "site"
        folder = site / package / inside
        folder.mkdir(parents=True)
        if package == "litellm":  # llama_index is a namespace, a folder without this file
            (site / package / "__init__.py").write_text("raise RuntimeError('imported')")
        shutil.copy(ranks / CACHE_NAMES["cl100k_base"], folder)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setattr(token_ranks, "_CARRIERS", ((package, inside),))

        assert find_ranks("cl100k_base") == folder / CACHE_NAMES["cl100k_base"]
        assert package not in sys.modules

    def test_wrong_file_is_passed_over_and_stays(
        self, ranks: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A file with a wrong hash is warned of, left as it is, and the search goes on."""
        wrong = spoil(nowhere / "mine")
        before = (wrong.read_bytes(), wrong.stat().st_mtime_ns)
        monkeypatch.setenv("VOXSESSION_TIKTOKEN_DIR", str(wrong.parent))
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(ranks))

        with caplog.at_level(logging.WARNING):
            assert LateCounter().load()

        assert str(wrong) in caplog.text
        assert (wrong.read_bytes(), wrong.stat().st_mtime_ns) == before

    def test_wrong_size_is_not_even_read(self, nowhere: Path, caplog: pytest.LogCaptureFixture) -> None:
        """A file that cannot be the published one is passed over with a warning too."""
        folder = nowhere / "data-gym-cache"
        folder.mkdir()
        (folder / "o200k_base.tiktoken").write_text("short")

        assert find_ranks("o200k_base") is None
        assert "o200k_base.tiktoken" in caplog.text

    def test_explicit_folder_without_ranks_is_an_error(self, tmp_path: Path) -> None:
        """A folder that was named and holds no valid file is an error, even if there are ranks elsewhere."""
        spoil(tmp_path)

        with pytest.raises(ConfigurationError, match="no valid rank file of o200k_base") as caught:
            find_ranks("o200k_base", tmp_path)

        assert (caught.value.option, caught.value.value) == ("rank_dir", str(tmp_path))

    def test_empty_variable_is_not_the_current_folder(
        self, ranks: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An empty TIKTOKEN_CACHE_DIR, tiktoken's way to have no cache, names no folder."""
        monkeypatch.chdir(ranks)
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")

        assert find_ranks("o200k_base") is None

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_named_pipe_does_not_block(self, nowhere: Path) -> None:
        """Something that is no file, put into the common temporary folder by anybody, is not opened."""
        folder = nowhere / "data-gym-cache"
        folder.mkdir()
        os.mkfifo(folder / CACHE_NAMES["o200k_base"])

        assert find_ranks("o200k_base") is None


class TestLateCounter:
    def test_it_begins_as_an_estimate(self, no_network: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """A new counter counts at once, and says that it estimates."""
        monkeypatch.setattr(token_ranks, "_search", lambda *_: pytest.fail("looked for ranks"))
        counter = LateCounter("cl100k_base")

        assert (counter.name, counter.exact) == ("estimate/cl100k_base", False)
        assert counter.count("straße") == EstimatedCounter("cl100k_base").count("straße")

    def test_it_becomes_exact(self, ranks: Path) -> None:
        """After loading, name, flag and numbers are those of the exact counter."""
        counter = LateCounter()

        assert counter.load()
        assert (counter.name, counter.exact) == ("tiktoken/o200k_base", True)
        assert [counter.count(t) for t in CONVERSATION] == [
            exact("o200k_base").count(t) for t in CONVERSATION
        ]

    def test_without_ranks_it_stays_an_estimate(
        self, nowhere: Path, no_network: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """Ranks that are nowhere are one warning with the way out: no error, no network, no second warning."""
        environment = dict(os.environ)
        counter = LateCounter()

        assert [counter.load() for _ in range(3)] == [False, False, False]
        assert (counter.name, counter.count("straße")) == ("estimate/o200k_base", 2)
        ours = [record for record in caplog.records if record.name.startswith("voxsession.memory")]
        assert [record.levelname for record in ours] == ["WARNING"]
        assert "VOXSESSION_TIKTOKEN_DIR" in caplog.text
        assert no_network == []
        assert dict(os.environ) == environment

    def test_loading_leaves_the_process_as_it_was(
        self, ranks: Path, no_network: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Loading ranks asks no network, and changes neither the environment nor the folder."""
        monkeypatch.setattr(token_ranks, "_built", {})
        environment = dict(os.environ)
        files = sorted((path.name, path.stat().st_mtime_ns) for path in ranks.iterdir())

        assert LateCounter(rank_dir=ranks).load()
        assert no_network == []
        assert dict(os.environ) == environment
        assert sorted((path.name, path.stat().st_mtime_ns) for path in ranks.iterdir()) == files

    def test_explicit_folder_without_ranks_is_an_error(self, tmp_path: Path) -> None:
        """A named folder that holds no ranks is a mistake to be told, each time."""
        counter = LateCounter(rank_dir=tmp_path)

        for _ in range(2):
            with pytest.raises(ConfigurationError):
                counter.load()
        assert not counter.exact

    def test_missing_tiktoken_is_a_warning(
        self, ranks: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Where tiktoken cannot be imported, counts stay estimates and the log says why."""
        monkeypatch.setattr(token_ranks, "_built", {})
        monkeypatch.setitem(sys.modules, "tiktoken", None)

        assert not LateCounter("cl100k_base").load()
        assert "tiktoken" in caplog.text

    def test_threads_load_once(self, ranks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many threads with two counters build the encoding once, and all see it."""
        builds: list[str] = []
        build = token_ranks._build

        def slow(encoding: str, data: bytes) -> token_ranks.Encode:
            builds.append(encoding)
            time.sleep(0.05)
            return build(encoding, data)

        monkeypatch.setattr(token_ranks, "_built", {})
        monkeypatch.setattr(token_ranks, "_build", slow)
        counters = [LateCounter("cl100k_base"), LateCounter("cl100k_base")]
        start = threading.Barrier(8)
        results: list[tuple[bool, int]] = []

        def run(counter: LateCounter) -> None:
            start.wait()
            results.append((counter.load(), counter.count("hello world")))

        threads = [threading.Thread(target=run, args=(counters[index % 2],)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert results == [(True, 2)] * 8
        assert builds == ["cl100k_base"]

    def test_unknown_encoding_is_refused_at_once(self) -> None:
        """A misspelt encoding is told when the counter is made, not in a log later."""
        with pytest.raises(ConfigurationError):
            LateCounter("o200k")


class TestDownload:
    @pytest.fixture
    def served(self, ranks: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The published file at an address that needs no network."""
        published = nowhere / "published"
        shutil.copy(ranks / CACHE_NAMES["cl100k_base"], published)
        self.publish(published.as_uri(), monkeypatch)
        return published

    def publish(self, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
        from voxsession.core.struct import evolve

        real = token_ranks._RANK_FILES["cl100k_base"]
        monkeypatch.setitem(token_ranks._RANK_FILES, "cl100k_base", evolve(real, address=address))

    def test_not_without_leave(self, served: Path, home: Path) -> None:
        """Nothing is fetched unless the caller allows it."""
        assert not LateCounter("cl100k_base").load()
        assert list(home.iterdir()) == []

    def test_allowed_download_is_kept(
        self, served: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A fetched file is used, and found by the next process without leave to fetch."""
        assert LateCounter("cl100k_base", allow_download=True).load()
        served.unlink()
        monkeypatch.setattr(token_ranks, "_built", {})

        assert LateCounter("cl100k_base").load()
        assert [path.name for path in (home / "tiktoken").iterdir()] == ["cl100k_base.tiktoken"]

    def test_wrong_download_is_not_used(
        self, served: Path, home: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A fetched file with a wrong hash is neither used nor kept."""
        spoil(served.parent, "cl100k_base", served.name)

        assert not LateCounter("cl100k_base", allow_download=True).load()
        assert "not the published one" in caplog.text
        assert list(home.iterdir()) == []

    def test_cache_that_cannot_be_written_is_no_obstacle(self, served: Path, home: Path) -> None:
        """A fetched file is used even if it cannot be kept."""
        (home / "tiktoken").write_text("a file where the folder should be")

        assert LateCounter("cl100k_base", allow_download=True).load()

    def test_no_network_is_a_warning(
        self, nowhere: Path, no_network: list[str], caplog: pytest.LogCaptureFixture
    ) -> None:
        """A download that fails is no error: counts stay estimates."""
        assert not LateCounter(allow_download=True).load()
        assert "could not be downloaded" in caplog.text
        assert no_network != []

    def test_slow_server_is_given_up(self, nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that sends a byte now and then does not hold the load for ever."""
        monkeypatch.setattr(token_ranks, "_DOWNLOAD_SECONDS", 0.3)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        stop = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as server:

            def drip() -> None:
                connection, _ = server.accept()
                with connection, contextlib.suppress(OSError):  # the other side will hang up
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                    while not stop.wait(0.05):
                        connection.send(b"x")

            thread = threading.Thread(target=drip)
            thread.start()
            self.publish(f"http://127.0.0.1:{server.getsockname()[1]}/ranks", monkeypatch)
            before = time.monotonic()
            try:
                assert not LateCounter("cl100k_base", allow_download=True).load()
            finally:
                stop.set()
                thread.join()
            assert time.monotonic() - before < 10


def test_import_does_not_load_tiktoken() -> None:
    """Importing the module loads neither tiktoken nor anything that could download."""
    code = (
        "import sys, voxsession.memory.tokens;"
        "print([name for name in ('tiktoken', 'requests', 'urllib.request') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "[]"

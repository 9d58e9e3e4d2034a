"""What an error of an import, an export or a restore never tells: what stood in the wrong argument."""

from __future__ import annotations

import copy
import json
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.portability.sessions import elsewhere, rich_session
from tests.portability.test_refused import signed
from voxsession import ConfigurationError, KeyNotFoundError, Session, Voxon, VoxSessionError
from voxsession.errors import values_hidden
from voxsession.session.streams import shown_path

SECRET = "Zanzibar 8841"


def told(error: BaseException) -> str:
    """All that a log could have of an error."""
    return "\n".join([str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)])


@asynccontextmanager
async def session_on() -> AsyncIterator[Session]:
    """A new session."""
    async with elsewhere() as voxon:
        yield await voxon.create_session()


async def check_untold(call: Callable[[], Awaitable[object]]) -> VoxSessionError | None:
    """Makes the call; what it raises is ours, and without the secret."""
    try:
        await call()
    except VoxSessionError as error:
        assert SECRET not in told(error) and "8841" not in told(error), str(error)
        return error
    return None


# --- a text in place of a path

Given = Callable[[Voxon, Session, Any], Awaitable[object]]
TAKES_PATH: dict[str, Given] = {
    "import_session": lambda voxon, _, given: voxon.import_session(given),
    "restore": lambda voxon, _, given: voxon.restore(given),
    "import_memory_from": lambda _, session, given: session.import_memory_from(given),
    "backup": lambda voxon, _, given: voxon.backup(given),
    "export_full": lambda _, session, given: session.export_full(given),
    "export_memory_to": lambda _, session, given: session.export_memory_to(given),
}


@pytest.mark.parametrize("name", TAKES_PATH)
async def test_json_text_is_no_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of a bundle, in one line or in many, is answered by what to give instead, and by nothing of it."""
    monkeypatch.chdir(tmp_path)
    async with elsewhere() as voxon:
        session = await rich_session(voxon)
        session.add_memory(SECRET)
        bundle = await session.export_full()
        spelt = (json.dumps(bundle), "\n " + json.dumps(bundle, indent=2), f'["{SECRET}"]', "\ufeff{}")
        for text in (*spelt, Path(spelt[0])):
            with pytest.raises(ConfigurationError, match=r"JSON text.*json\.loads") as caught:
                await TAKES_PATH[name](voxon, session, text)
            assert SECRET not in told(caught.value) and len(str(caught.value)) < 200
    assert not list(tmp_path.iterdir())


async def test_a_file_may_be_called_as_json_begins(tmp_path: Path) -> None:
    """A bracket at the beginning of a name makes no JSON of it."""
    async with elsewhere() as voxon, elsewhere() as other:
        await (await rich_session(voxon)).export_full(tmp_path / "[old] bundle")
        assert await other.import_session(tmp_path / "[old] bundle")


TEXTS = st.builds(
    lambda before, after: before + SECRET + after,
    st.sampled_from(["", "{", '{"a": "', "[", "\n", "Dear diary,\n", "x" * 300, "ab/" * 2000, '"']),
    st.sampled_from(["", '"}', "]", "\n", "x" * 300, "/cd" * 2000, "y" * 256 + "/b.json", "\nmore"]),
)


@settings(max_examples=60)
@given(text=TEXTS, name=st.sampled_from(sorted(TAKES_PATH)))
async def test_a_text_that_is_no_path_is_not_quoted(
    text: str, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """JSON, whole or cut, several lines, or more than a name may have: none of it stands in the error."""
    is_name = "\n" not in text and len(text) < 255 and not text.startswith(("{", "["))
    if is_name:  # a path is told, as it has to be
        return
    folder = tmp_path_factory.mktemp("untold")
    async with elsewhere() as voxon:
        session = await voxon.create_session()
        with pytest.MonkeyPatch.context() as patched:
            patched.chdir(folder)
            await check_untold(lambda: TAKES_PATH[name](voxon, session, text))


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=300), max_size=40))
def test_a_path_is_shown_short(parts: list[str]) -> None:
    """Up to 100 characters of it, the end, where the file's name is."""
    text = "/".join(parts)
    shown = shown_path(text)
    assert len(shown) <= 100
    assert shown == text or shown.startswith(("...", "a text of "))
    assert not shown.startswith("...") or text.endswith(shown[3:])


async def test_a_long_path_is_told_by_its_end(tmp_path: Path) -> None:
    """Of a file that is there, too."""
    folder = tmp_path.joinpath(*["a long way down"] * 10)
    folder.mkdir(parents=True)
    (folder / "bundle.jsonl").write_text("{}")
    async with elsewhere() as voxon, session_on() as session:
        for path in (folder / "bundle.jsonl", folder / "not there.jsonl"):
            for name in ("import_session", "restore", "import_memory_from"):
                with pytest.raises(VoxSessionError, match=path.name) as caught:
                    await TAKES_PATH[name](voxon, session, path)
                assert len(str(caught.value)) < 300


@pytest.mark.parametrize("path", [".", "..", "./", "/"])
async def test_a_folder_is_no_file_to_write(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything is read, as an error of ours."""
    monkeypatch.chdir(tmp_path)
    async with elsewhere() as voxon, session_on() as session:
        for name in ("backup", "export_full", "export_memory_to"):
            with pytest.raises(ConfigurationError, match="is a folder"):
                await TAKES_PATH[name](voxon, session, path)
    assert not list(tmp_path.iterdir())


# --- other arguments

WRONG: list[Any] = [
    SECRET,
    SECRET.encode(),
    [SECRET],
    {SECRET: SECRET},
    {SECRET: 5},
    {"a": SECRET * 100},
    (SECRET,),
]
TAKES_MORE: dict[str, Callable[[Voxon, Session, Any, Any], Awaitable[object]]] = {
    **{
        f"import_session({option})": lambda voxon, _, bundle, value, option=option: voxon.import_session(  # type: ignore[misc]
            bundle, dry_run=True, **{option: value}
        )
        for option in ("on_conflict", "max_bytes", "user_id_mapping", "progress", "passphrase")
    },
    **{
        f"restore({option})": lambda voxon, _, bundle, value, option=option: voxon.restore(  # type: ignore[misc]
            "nowhere", **{option: value}
        )
        for option in ("on_conflict", "progress")
    },
    **{
        f"import_memory_from({option})": lambda _, session, bundle, value, option=option: (  # type: ignore[misc]
            session.import_memory_from(__file__, **{option: value})
        )
        for option in ("on_conflict", "format", "user_id")
    },
    "import_session": lambda voxon, _, bundle, value: voxon.import_session(value),
    "export_full(progress)": lambda _, session, bundle, value: session.export_full(progress=value),
    "export_full(passphrase)": lambda _, session, bundle, value: session.export_full(passphrase=value),
}


@pytest.mark.parametrize("name", TAKES_MORE)
async def test_a_wrong_argument_is_not_quoted(name: str) -> None:
    """A text or a key in the wrong place stays there; the error names the argument."""
    async with elsewhere() as voxon:
        session = await rich_session(voxon)
        bundle = await session.export_full()
        for value in WRONG:
            if name == "import_session" and isinstance(value, str):
                continue  # a short one line is a path
            error = await check_untold(lambda value=value: TAKES_MORE[name](voxon, session, bundle, value))  # type: ignore[misc]
            if isinstance(value, (list, tuple)):
                assert error is not None


FIELDS = (
    "id content category importance timestamp expires_at pinned sensitive speaker evidence_count metadata slot value "
    "valid_from text memory at date created_at categories user_id"
).split()


@settings(max_examples=150)
@given(
    field=st.sampled_from(FIELDS),
    value=st.sampled_from(
        [SECRET, [SECRET], {"a": {SECRET}}, SECRET * 40, {"b": [SECRET.encode()]}, "\ud800" + SECRET]
    ),
    form=st.sampled_from(["voxsession", "mem0", "jsonl", None]),
)
async def test_a_wrong_row_is_not_quoted(field: str, value: Any, form: str | None) -> None:
    """Whatever field holds it: the error has the row and the field."""
    async with session_on() as session:
        rows = [{"content": "tea"}, {"content": "milk", field: value}]

        async def take_in() -> None:
            session.import_memory(rows, format=form)

        error = await check_untold(take_in)
        assert error is None or "rows[1]" in str(error)


@pytest.mark.parametrize("head", [{"format": SECRET}, {"count": SECRET}, {"format": [SECRET]}])
async def test_a_wrong_head_is_not_quoted(head: dict[str, Any]) -> None:
    """The number of the format, and what the head counts, are whatever stands there."""
    async with session_on() as session:

        async def take_in() -> None:
            session.import_memory({"kind": "voxsession.memories", "entries": [{"content": "a"}], **head})

        assert await check_untold(take_in) is not None


async def test_a_wrong_bundle_is_not_quoted() -> None:
    """The secret in each field of each kind of row in turn, signed as if it were meant; so are names of topics."""
    async with elsewhere() as voxon:
        bundle: Any = await (await rich_session(voxon)).export_full()
    refused = 0
    for part in ("conversations", "memories", "messages", "session"):
        row = bundle[part] if part == "session" else bundle[part][0]
        for field in row:
            for value in (SECRET, [SECRET], {SECRET: SECRET}):
                if field == "extra" or (field in ("config", "state", "preferences", "metrics", "evidence")):
                    continue  # names of fields are told
                wrong = copy.deepcopy(bundle)
                (wrong[part] if part == "session" else wrong[part][0])[field] = value
                async with elsewhere() as there:
                    refused += await check_untold(lambda: there.import_session(signed(wrong))) is not None  # noqa: B023
    assert refused > 60
    for place in ("preferences", "config"):
        for name in ("temperature", "instructions", "formality", "language", "voice"):
            wrong = copy.deepcopy(bundle)
            wrong["session"][place] = {name: SECRET}
            async with elsewhere() as there:
                await check_untold(lambda: there.import_session(signed(wrong)))  # noqa: B023


# --- what it says instead


async def test_a_sealed_bundle_says_whether_a_phrase_was_given() -> None:
    """None at all, and another one, are two things."""
    async with elsewhere() as voxon:
        sealed = await (await voxon.create_session()).export_full(passphrase="right")
        with pytest.raises(KeyNotFoundError, match="sealed with a pass phrase, and none was given"):
            await voxon.import_session(sealed)
        with pytest.raises(KeyNotFoundError, match="another pass phrase than the one given") as caught:
            await voxon.import_session(sealed, passphrase=SECRET)
        assert SECRET not in told(caught.value) and "key" not in str(caught.value)


def test_hidden_values_leave_what_is_wrong() -> None:
    """Numbers and kinds are told; the rest of the sentence stays."""
    for value, shown in ((SECRET, "size is not"), (7, "size=7 is not"), ("list", "size='list' is not")):
        with pytest.raises(ConfigurationError, match=f"^{shown} allowed: less") as caught, values_hidden():
            raise ConfigurationError.out_of_range("size", value, "less")
        assert caught.value.option == "size" and SECRET not in told(caught.value)
    with pytest.raises(ConfigurationError, match=r"^size is not allowed\.$"), values_hidden():
        raise ConfigurationError(f"the size {SECRET}", option="size", value=SECRET)

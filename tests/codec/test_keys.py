"""Keys: every spelling, what is derived from them, and that none is ever shown."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.strategies import texts
from voxsession.codec import keys as keys_module
from voxsession.codec.cipher import METHODS, cipher_for
from voxsession.codec.keys import KeyRing, MasterKeys, key_id_of, new_kdf, owner_hash, parse_key, subkey
from voxsession.codec.seal import Seal
from voxsession.core.envelope import HEADER_FIELDS
from voxsession.errors import ConfigurationError, IntegrityError, KeyNotFoundError

RAW = bytes(range(200, 232))  # as base64 it has both characters that the two alphabets differ in
HEX = RAW.hex()
BASE64 = base64.b64encode(RAW).decode()
URL_SAFE = base64.urlsafe_b64encode(RAW).decode()
KDF = {"name": "scrypt", "salt": base64.b64encode(b"0123456789abcdef").decode(), "n": 2**14, "r": 8, "p": 1}
raw_keys = st.binary(min_size=32, max_size=32)


def resolved(*spelled: bytes | str, kdf: dict[str, Any] | None = None) -> MasterKeys:
    return KeyRing(*spelled).resolve(KDF if kdf is None else kdf)


# --- spellings


@settings(max_examples=50)
@given(raw_keys)
def test_every_spelling_of_a_raw_key_is_the_same_key(raw: bytes) -> None:
    """32 bytes, 64 hex digits and base64 in either alphabet, with or without prefix or padding, are one key."""
    standard, url_safe = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
    spellings: list[bytes | str] = [
        raw,
        raw.hex(),
        raw.hex().upper(),
        f"hex:{raw.hex()}",
        f"hex:{raw.hex().upper()}",
    ]
    for text in (standard, url_safe, standard.rstrip("="), url_safe.rstrip("=")):
        spellings += [text, f"base64:{text}"]
    spellings += [spelled.encode() for spelled in spellings if isinstance(spelled, str)]

    assert {parse_key(spelled).raw for spelled in spellings} == {raw}


@pytest.mark.parametrize(
    "phrase",
    [
        "correct horse battery staple",
        "x",
        " ",
        "päßwort 🔑",
        HEX[:-1],
        HEX + "0",
        HEX[:-1] + "g",
        BASE64[:-2],
        BASE64[:-1] + "!",
        BASE64 + "A",
        "x" * 10_000,
        "HEX:" + HEX,
        "raw:" + HEX,
        ":" + HEX,
        HEX + "\n",
    ],
)
def test_any_other_text_is_a_pass_phrase(phrase: str) -> None:
    """What is no key of 32 bytes is taken as words to remember, unaltered, as text or as bytes."""
    assert parse_key(phrase).phrase == phrase.encode()
    assert parse_key(phrase.encode()).phrase == phrase.encode() or len(phrase.encode()) == 32
    assert parse_key("pass:" + phrase).phrase == phrase.encode()


@pytest.mark.parametrize("looks_raw", [HEX, BASE64, URL_SAFE, "hex:" + HEX, "pass:x"])
def test_a_prefix_decides(looks_raw: str) -> None:
    """`pass:` makes a pass phrase even of what looks like a raw key."""
    assert parse_key("pass:" + looks_raw).phrase == looks_raw.encode()
    assert parse_key(("pass:" + looks_raw).encode()).phrase == looks_raw.encode()


def test_thirty_two_bytes_are_a_raw_key_whatever_they_spell() -> None:
    """Bytes of the length of a key are one, also when they are text; as text the same characters are a phrase."""
    spelled = b"a pass phrase of 32 characters.."
    assert parse_key(spelled).raw == spelled
    assert parse_key(spelled.decode()).phrase == spelled


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        b"",
        "hex:",
        "hex:" + HEX[:-2],
        "hex:" + HEX + "00",
        "hex: " + HEX,
        "hex:" + "g" * 64,
        "hex:" + "٠" * 64,
        "base64:",
        "base64:" + BASE64[:-4],
        "base64:" + BASE64 + "AAAA",
        "base64:!" + BASE64[1:],
        "base64:" + base64.b64encode(bytes(31)).decode(),
        "base64:" + base64.b64encode(bytes(33)).decode(),
        "pass:",
        b"\xff\xfe\xfd",
        b"\xff" * 31,
        b"\xff" * 33,
        "\ud800 phrase",
        "pass:\ud800",
        5,
        ["x"],
        bytearray(32),
    ],
)
def test_what_is_no_key(wrong: Any) -> None:
    """A key that cannot be used is `ConfigurationError` with the spellings there are, and is not shown."""
    for attempt in (lambda: parse_key(wrong), lambda: KeyRing(wrong), lambda: KeyRing("pass:x", wrong)):
        with pytest.raises(ConfigurationError, match=r"session_encryption_key.*64 hex digits") as caught:
            attempt()
        assert caught.value.option == "session_encryption_key" and caught.value.value is None
        assert HEX[:8] not in str(caught.value) and BASE64[:8] not in str(caught.value)


# --- pass phrases


def test_a_pass_phrase_is_stretched_with_the_salt() -> None:
    """The key of a phrase is Scrypt of it under the stored parameters: another salt is another key."""
    other = {**KDF, "salt": base64.b64encode(b"fedcba9876543210").decode()}
    expected = Scrypt(salt=b"0123456789abcdef", length=32, n=2**14, r=8, p=1).derive(b"horse")

    assert resolved("pass:horse").write_id == resolved("horse").write_id == key_id_of(expected)
    assert resolved("pass:horse", kdf=other).write_id != key_id_of(expected)
    assert resolved("pass:horses").write_id != key_id_of(expected)


def test_new_parameters_are_strong_and_work() -> None:
    """A new installation gets at least 2^15 rounds of 8 blocks, with the salt it was given."""
    kdf = new_kdf(b"s" * 16)
    assert kdf["n"] * kdf["r"] >= 2**18 and base64.b64decode(kdf["salt"]) == b"s" * 16
    assert resolved("pass:horse", kdf=kdf).write_id == resolved("pass:horse", kdf=copy.deepcopy(kdf)).write_id


@pytest.mark.parametrize(
    "altered",
    [
        {"name": "md5"},
        {"salt": "not base64!"},
        {"salt": None},
        {"n": 2**13},
        {"n": 2**15 + 1},
        {"n": 2**30},
        {"n": 2**20, "r": 32},
        {"n": "many"},
        {"r": 0},
        {"r": 2**20},
        {"p": 0},
        {"p": 1000},
        {"p": None},
    ],
)
def test_altered_parameters_neither_weaken_nor_flood(altered: dict[str, Any]) -> None:
    """Parameters that are weak, enormous or broken are altered data, before anything is computed."""
    with pytest.raises(IntegrityError, match="keyring"):
        resolved("pass:horse", kdf={**KDF, **altered})


@pytest.mark.parametrize(
    "missing", [None, {}, [], "x", 5, *({k: v for k, v in KDF.items() if k != n} for n in KDF)]
)
def test_missing_parameters_are_altered_data(missing: Any) -> None:
    """A pass phrase cannot be tried without its parameters; a raw key needs none."""
    with pytest.raises(IntegrityError, match="keyring"):
        KeyRing("pass:horse").resolve(missing)
    assert KeyRing(RAW).resolve(missing).ids == [key_id_of(RAW)]


# --- rings


def test_the_first_key_writes_and_all_read() -> None:
    """New data keys are wrapped by the first key; what any key of the ring wrapped is unwrapped."""
    old, new = resolved("pass:old"), resolved(RAW)
    both = resolved(RAW, "pass:old", HEX)
    assert both.ids == [key_id_of(RAW), old.write_id] and both.write_id == key_id_of(RAW)
    assert KeyRing(RAW).has_pass_phrase is False and KeyRing(RAW, "pass:old").has_pass_phrase is True

    for ring in (old, new):
        key_id, wrapped = ring.wrap(b"k" * 32, "", "s1")
        assert key_id == ring.write_id and key_id in both
        assert both.unwrap(key_id, wrapped, "s1", "", "s1") == b"k" * 32


def test_a_wrong_key_is_named_and_not_shown() -> None:
    """A key that is not known is `KeyNotFoundError` with its id; a wrapping that does not open is altered data."""
    mine, other = resolved(RAW), resolved("hex:" + "ab" * 32)
    key_id, wrapped = mine.wrap(b"k" * 32, "acme", "s1")

    with pytest.raises(KeyNotFoundError) as caught:
        other.unwrap(key_id, wrapped, "s1", "acme", "s1")
    assert (
        caught.value.key_id == key_id
        and key_id in str(caught.value)
        and "session_encryption_key" in str(caught.value)
    )
    for wrong_id in ("\x1b[31m", "k" * 41, ""):
        with pytest.raises(KeyNotFoundError) as caught:
            mine.unwrap(wrong_id, wrapped, "s1", "acme", "s1")
        assert caught.value.key_id is None
    for arguments in (
        (key_id, wrapped, "s1", "", "s1"),
        (key_id, wrapped, "s1", "acme", "s2"),
        (key_id, wrapped[:-4] + "AAAA", "s1", "acme", "s1"),
        (key_id, wrapped[:8], "s1", "acme", "s1"),
        (key_id, "", "s1", "acme", "s1"),
        (key_id, "é", "s1", "acme", "s1"),
        (key_id, None, "s1", "acme", "s1"),
        (None, wrapped, "s1", "acme", "s1"),
    ):
        with pytest.raises(IntegrityError):
            mine.unwrap(*arguments)


@settings(max_examples=30)
@given(raw_keys, raw_keys)
def test_key_ids_tell_keys_apart(one: bytes, other: bytes) -> None:
    """Equal keys have equal ids, others have others, and an id holds nothing of its key."""
    assert (key_id_of(one) == key_id_of(other)) == (one == other)
    assert one.hex()[:8] not in key_id_of(one)
    purposes = ("key id", "wrap", "document", "batch", "page", "small")
    assert len({subkey(one, purpose) for purpose in purposes} | {one}) == len(purposes) + 1


@settings(max_examples=50)
@given(raw_keys, texts, texts, texts, texts)
def test_owners_are_keyed_hashes(
    key: bytes, tenant: str, user: str, other_tenant: str, other_user: str
) -> None:
    """One person of one tenant has one owner hash; no other person or tenant has it, nor another index key."""
    owner = owner_hash(key, tenant, user)
    assert len(owner) == 32 and int(owner, 16) >= 0
    assert owner == owner_hash(key, tenant, user)
    assert (owner == owner_hash(key, other_tenant, other_user)) == (
        (tenant, user) == (other_tenant, other_user)
    )
    assert owner != owner_hash(bytes(32), tenant, user) or key == bytes(32)


def test_no_text_form_shows_a_key() -> None:
    """Rings, keys, resolved keys and seals show how many keys they hold at most."""
    objects = [
        KeyRing(RAW, "pass:horse", HEX),
        parse_key(RAW),
        parse_key("horse"),
        resolved(RAW),
        Seal(RAW, 1),
    ]
    shown = " ".join(f"{thing!r} {thing!s}" for thing in objects)
    assert (
        "KeyRing(1 write key, 2 read keys)" in shown
        and repr(KeyRing(RAW)) == "KeyRing(1 write key, 0 read keys)"
    )
    for secret in ("horse", HEX, BASE64, repr(RAW)[2:10]):
        assert secret not in shown


def test_a_key_object_cannot_be_altered() -> None:
    """A parsed key is fixed, so a ring cannot be made to write with another one."""
    with pytest.raises(AttributeError):
        parse_key(RAW).raw = bytes(32)  # type: ignore[misc]


# --- ciphers


def test_methods_are_those_of_the_api() -> None:
    """AES256, ChaCha20 and none are the methods; another one names them."""
    assert list(METHODS) == ["AES256", "ChaCha20", "none"]
    assert [cipher_for(method) for method in METHODS] == [1, 2, 0]
    for wrong in ("aes256", "", "rot13"):
        with pytest.raises(ConfigurationError, match="choose one of AES256, ChaCha20, none"):
            cipher_for(wrong)


@settings(max_examples=40)
@given(
    st.sampled_from([1, 2]),
    raw_keys,
    st.binary(max_size=400),
    st.dictionaries(st.sampled_from(HEADER_FIELDS), texts),
)
def test_a_seal_opens_with_its_own_key_header_and_part_only(
    code: int, key: bytes, body: bytes, header: dict[str, Any]
) -> None:
    """What was sealed opens to itself, and to nothing under another key, header or part."""
    seal = Seal(key, code)
    sealed = seal.seal(header, "batch", body)
    assert seal.open(header, "batch", sealed, "s1") == body
    for other, other_header, part in (
        (Seal(bytes(31) + b"\x01", code), header, "batch"),
        (seal, {**header, "owner": "somebody else"}, "batch"),
        (seal, header, "small"),
        (seal, header, "document:core"),
    ):
        with pytest.raises(IntegrityError):
            other.open(other_header, part, sealed, "s1")


def test_the_bound_of_the_parameters_admits_the_default() -> None:
    """The limit that keeps altered parameters from taking all memory leaves room for stronger ones than ours."""
    kdf = new_kdf(b"s" * 16)
    assert kdf["n"] * kdf["r"] * 8 <= keys_module.MAX_SCRYPT

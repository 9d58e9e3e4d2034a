"""Where the tokenizer's rank files are found, checked and built into encodings; the one module with tiktoken.

Asked for an encoding by name, tiktoken deletes a file whose hash is wrong and downloads without a time limit.
So it is never asked: the file is read and checked here, and the encoding is built by hand. Files that are
found are only read, the environment is never changed, and nothing is downloaded unless the caller said so.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import importlib.util
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from voxsession.clock import SystemClock
from voxsession.core.struct import Struct
from voxsession.errors import ConfigurationError

__all__ = ["Encode", "find_ranks", "how_to_supply", "load_encode"]

Encode = Callable[[str], list[int]]

_log = logging.getLogger(__name__)

_DOWNLOAD_SECONDS = 20.0

# Packages that carry the rank files for their own use: the top-level name, and the folder below it.
_CARRIERS = (
    ("litellm", "litellm_core_utils/tokenizers"),
    ("llama_index", "core/_static/tiktoken_cache"),
)


class _RankFile(Struct, frozen=True, kw_only=True):
    """One published rank file, and what else makes an encoding of it."""

    cache_name: str  # what tiktoken's own cache calls it: the SHA-1 of the address
    sha256: str
    size_bytes: int
    address: str
    pattern: str  # how the text is cut into words before they are encoded
    special_tokens: dict[str, int]


_RANK_FILES = {
    "cl100k_base": _RankFile(
        cache_name="9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
        sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        size_bytes=1_681_126,
        address="https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        pattern=(
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
            r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
        ),
        special_tokens={
            "<|endoftext|>": 100257,
            "<|fim_prefix|>": 100258,
            "<|fim_middle|>": 100259,
            "<|fim_suffix|>": 100260,
            "<|endofprompt|>": 100276,
        },
    ),
    "o200k_base": _RankFile(
        cache_name="fb374d419588a4632f3f557e76b4b70aebbca790",
        sha256="446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        size_bytes=3_613_922,
        address="https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        pattern=(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
            r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
        ),
        special_tokens={"<|endoftext|>": 199999, "<|endofprompt|>": 200018},
    ),
}

# One encoding takes 0.2-0.4 s and 47-74 MB, so all counters of the process share it.
_built: dict[str, Encode] = {}
_building = threading.Lock()


def find_ranks(encoding: str, rank_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """Finds the valid rank file of an encoding on this machine.

    The places, in order: `rank_dir` (and then no other); the folders in ``VOXSESSION_TIKTOKEN_DIR``,
    ``TIKTOKEN_CACHE_DIR`` and ``DATA_GYM_CACHE_DIR``; tiktoken's default cache; the files inside an installed
    litellm or llama-index, which are not imported; what an allowed download left in our own cache. A file may
    have the name of tiktoken's cache or be called ``<encoding>.tiktoken``. Its SHA-256 is that of the
    published file; any other is passed over with a warning, and stays as it is. Reads files; no network.

    Args:
        encoding: ``"o200k_base"`` or ``"cl100k_base"``.
        rank_dir: the one folder to look into; None means the places above.

    Returns:
        The path of the file, or None if there is none.

    Raises:
        ConfigurationError: the encoding is not known, or `rank_dir` is given and holds no valid file.

    Example:
        >>> try:
        ...     find_ranks("o200k_base", rank_dir="no-such-folder")
        ... except ConfigurationError as error:
        ...     print(error.option)
        rank_dir
    """
    found = _search(encoding, rank_dir)
    return None if found is None else found[0]


def load_encode(
    encoding: str, rank_dir: str | os.PathLike[str] | None = None, *, allow_download: bool = False
) -> Encode | None:
    """Loads the function that turns text into tokens, special tokens taken as plain text.

    Loaded once in the process and shared. Blocks for up to half a second (and a download), so run it in a
    thread; for 0.1 s (cl100k_base) or 0.2 s (o200k_base) of it tiktoken lets no other thread run.

    Args:
        encoding: ``"o200k_base"`` or ``"cl100k_base"``.
        rank_dir: the one folder to look into; None means all places of `find_ranks`.
        allow_download: True permits to fetch the published file, within 20 seconds, if none is found.

    Returns:
        The function, which expects texts of at most 100,000 characters; None if no rank file was found.

    Raises:
        ConfigurationError: as `find_ranks`; or tiktoken cannot be imported.
    """
    if rank_dir is None and encoding in _built:
        return _built[encoding]
    found = _search(encoding, rank_dir)
    if found is not None:
        data: bytes | None = found[1]
    else:
        data = _download(encoding) if allow_download else None
    if data is None:
        return None
    with _building:
        if encoding not in _built:
            _built[encoding] = _build(encoding, data)
        return _built[encoding]


def how_to_supply(encoding: str) -> str:
    """Says, in one sentence for a person, how to give us the rank file of `encoding`.

    Example:
        >>> print(how_to_supply("o200k_base"))  # doctest: +ELLIPSIS
        No rank file of o200k_base was found: put o200k_base.tiktoken (SHA-256 446a...) into a folder and name it
        with VOXSESSION_TIKTOKEN_DIR or Voxon(token_counter=LateCounter('o200k_base', rank_dir=...)), or have it
        fetched by LateCounter('o200k_base', allow_download=True); LateCounter is in voxsession.memory.tokens.
    """
    ranks = _rank_file(encoding)
    return (
        f"No rank file of {encoding} was found: put {encoding}.tiktoken (SHA-256 {ranks.sha256}) into a folder and "
        f"name it with VOXSESSION_TIKTOKEN_DIR or Voxon(token_counter=LateCounter({encoding!r}, rank_dir=...)), or "
        f"have it fetched by LateCounter({encoding!r}, allow_download=True); LateCounter is in "
        "voxsession.memory.tokens."
    )


def _rank_file(encoding: str) -> _RankFile:
    ranks = _RANK_FILES.get(encoding)
    if ranks is None:
        allowed = "one of " + ", ".join(sorted(_RANK_FILES))
        raise ConfigurationError.out_of_range("encoding", encoding, allowed)
    return ranks


def _search(encoding: str, rank_dir: str | os.PathLike[str] | None) -> tuple[Path, bytes] | None:
    ranks = _rank_file(encoding)
    folders = _usual_folders() if rank_dir is None else iter([Path(os.path.expanduser(rank_dir))])
    seen = set()
    for folder in folders:
        if folder in seen:
            continue
        seen.add(folder)
        for name in (ranks.cache_name, f"{encoding}.tiktoken"):
            data = _read_valid(folder / name, ranks)
            if data is not None:
                return folder / name, data
    if rank_dir is not None:
        raise ConfigurationError(
            f"rank_dir={os.fspath(rank_dir)!r} holds no valid rank file of {encoding}: expected is "
            f"{encoding}.tiktoken or {ranks.cache_name}, with SHA-256 {ranks.sha256}.",
            option="rank_dir",
            value=os.fspath(rank_dir),
        )
    return None


def _usual_folders() -> Iterator[Path]:
    for variable in ("VOXSESSION_TIKTOKEN_DIR", "TIKTOKEN_CACHE_DIR", "DATA_GYM_CACHE_DIR"):
        # An empty value is tiktoken's way to say "no cache", not the current folder.
        if folder := os.environ.get(variable):
            yield Path(os.path.expanduser(folder))
    with contextlib.suppress(OSError):  # a machine with no place to write has no temporary folder
        yield Path(tempfile.gettempdir(), "data-gym-cache")
    for package, inside in _CARRIERS:
        try:
            spec = importlib.util.find_spec(package)
        except (ImportError, ValueError):  # ValueError: something stands in its place in sys.modules
            continue
        for location in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(location, inside)
    yield _own_folder()


def _own_folder() -> Path:
    """Where an allowed download is kept."""
    if home := os.environ.get("VOXSESSION_HOME"):
        return Path(os.path.expanduser(home), "tiktoken")
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules say that a relative path is to be ignored.
    root = Path(cache) if os.path.isabs(cache) else Path(os.path.expanduser("~"), ".cache")
    return root / "voxsession" / "tiktoken"


def _read_valid(path: Path, ranks: _RankFile) -> bytes | None:
    try:
        # Not a file: absent, or a pipe that would block. Of another size: not worth reading, however large.
        if not path.is_file():
            return None
        data = path.read_bytes() if path.stat().st_size == ranks.size_bytes else b""
    except OSError as error:
        _log.warning("The rank file %s cannot be read and is passed over: %s", path, error)
        return None
    if hashlib.sha256(data).hexdigest() == ranks.sha256:
        return data
    _log.warning("The rank file %s is not the published one: passed over, and left as it is.", path)
    return None


def _build(encoding: str, data: bytes) -> Encode:
    try:
        import tiktoken
    except ImportError as error:
        raise ConfigurationError(
            f"tiktoken, which counts the tokens, cannot be imported: {error}", option="token_counter"
        ) from error
    ranks = _rank_file(encoding)
    pairs = (line.split() for line in data.splitlines() if line)
    # Not `encode`: that raises where a user types "<|endoftext|>".
    return tiktoken.Encoding(
        encoding,
        pat_str=ranks.pattern,
        mergeable_ranks={base64.b64decode(token): int(rank) for token, rank in pairs},
        special_tokens=ranks.special_tokens,
    ).encode_ordinary


def _download(encoding: str) -> bytes | None:
    """The published file, checked and kept for the next process; None with a warning if it cannot be had."""
    ranks = _rank_file(encoding)
    try:
        data = _fetch(ranks)
    except OSError as error:
        _log.warning("The rank file of %s could not be downloaded: %s", encoding, error)
        return None
    if hashlib.sha256(data).hexdigest() != ranks.sha256:
        _log.warning("The downloaded rank file of %s is not the published one and is not used.", encoding)
        return None
    try:
        _keep(data, _own_folder() / f"{encoding}.tiktoken")
    except OSError as error:
        _log.warning("The downloaded rank file of %s is used, but could not be kept: %s", encoding, error)
    return data


def _fetch(ranks: _RankFile) -> bytes:
    import http.client
    import urllib.request

    clock = SystemClock()
    deadline = clock.monotonic() + _DOWNLOAD_SECONDS
    data = bytearray()
    try:
        # The time-out is for one read; the deadline is for a server that sends a byte now and then.
        with urllib.request.urlopen(ranks.address, timeout=_DOWNLOAD_SECONDS) as answer:
            while len(data) <= ranks.size_bytes and (chunk := answer.read1(65536)):
                data += chunk
                if clock.monotonic() > deadline:
                    raise TimeoutError(f"not complete after {_DOWNLOAD_SECONDS:.0f} seconds")
    except http.client.HTTPException as error:
        raise OSError(f"the answer was not understood: {error!r}") from error
    return bytes(data)


def _keep(data: bytes, path: Path) -> None:
    """Writes the file so that another process sees all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(unfinished, path)
    except OSError:
        os.unlink(unfinished)
        raise

"""Every error that voxsession raises.

::

    VoxSessionError
      ConfigurationError (ValueError)      a wrong setting or argument
      SessionError
        SessionNotFoundError (LookupError)
        SessionExistsError
        SessionClosedError                 this handle was closed
        SessionEndedError                  ended or expired
        ConflictError                      someone else saved first
        ConversationBusyError              a turn is running
      PermissionDeniedError
      StorageError
        StorageUnavailableError            a retry may help
        StorageFullError                   max_sessions reached, disk full
      FormatError
        UnsupportedFormatError             written by a newer version
        IntegrityError                     altered, truncated, foreign or unexpectedly plain data
      KeyNotFoundError (LookupError)       a key that this process does not have
      BudgetError                          the part that must fit does not
      ModelError                           the model call failed
        ModelCallError                     the model's service refused or failed
          ContextTooLongError              it takes less than was sent
      ProtocolError                        a server or bridge got a message it cannot accept

Each error carries its data as attributes and makes its own sentence: what
happened, to which id, what to do. None ever holds a key or a message text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

__all__ = [
    "BudgetError",
    "ConfigurationError",
    "ConflictError",
    "ContextTooLongError",
    "ConversationBusyError",
    "FormatError",
    "IntegrityError",
    "KeyNotFoundError",
    "ModelCallError",
    "ModelError",
    "PermissionDeniedError",
    "ProtocolError",
    "SessionClosedError",
    "SessionEndedError",
    "SessionError",
    "SessionExistsError",
    "SessionNotFoundError",
    "StorageError",
    "StorageFullError",
    "StorageUnavailableError",
    "UnsupportedFormatError",
    "VoxSessionError",
    "shown_as",
    "values_hidden",
]

_KINDS = ("bytearray", "bytes", "dict", "list", "object", "set", "str", "tuple")  # shown in place of values
_E = TypeVar("_E", bound="type[ConfigurationError]")


def _shown(value: object) -> str:
    """A value short enough for a sentence; a long one may be a text or a key, so only its kind is named."""
    if isinstance(value, (str, bytes)) and len(value) > 80:
        return f"a {type(value).__name__} of {len(value)} characters"
    try:
        text = repr(value)
    except Exception:  # a number of 5,000 digits, or a broken __repr__
        return f"a {type(value).__name__}"
    return text if len(text) <= 120 else f"a {type(value).__name__}"


class VoxSessionError(Exception):
    """The base of all errors of this package.

    Example:
        >>> try:
        ...     raise SessionNotFoundError("sess_1")
        ... except VoxSessionError as error:
        ...     print(error.session_id)
        sess_1
    """


class ConfigurationError(VoxSessionError, ValueError):
    """A setting or an argument is wrong: `option` names it, `value` is what was given."""

    def __init__(self, message: str, *, option: str | None = None, value: object = None) -> None:
        super().__init__(message)
        self.option = option
        self.value = value

    @classmethod
    def out_of_range(cls, option: str, value: object, allowed: str, where: str = "") -> ConfigurationError:
        """The error for a value that `option` does not allow; `where` names the file or call."""
        place = f" in {where}" if where else ""
        return cls(f"{option}={_shown(value)}{place} is not allowed: {allowed}.", option=option, value=value)

    def without_value(self) -> ConfigurationError:
        """The same error where a value may be somebody's words: neither its sentence nor `value` has it."""
        value = self.value
        is_kind = isinstance(value, str) and value in _KINDS
        if value is None or is_kind or isinstance(value, (bool, int, float)):
            return self
        shown = _shown(value)
        text = str(self).replace(f"={shown}", "", 1)
        if shown in text or (
            isinstance(value, str) and value and (value in text or repr(value)[1:-1] in text)
        ):
            text = f"{self.option} is not allowed."
        return ConfigurationError(text, option=self.option)


@contextmanager
def values_hidden() -> Iterator[None]:
    """Lets no value out with an error: for what may be somebody's words, or a key in the wrong place."""
    try:
        yield
    except ConfigurationError as error:
        raise error.without_value() from None


def shown_as(public: type[ConfigurationError]) -> Callable[[_E], _E]:
    """Lets a class, which is a built-in error as well, look like a public one: printed, and pickled."""

    def reduced(error: ConfigurationError) -> tuple[object, ...]:
        return public, error.args, dict(vars(error))

    def dressed(kind: _E) -> _E:
        kind.__name__, kind.__module__ = public.__name__, public.__module__
        kind.__qualname__ = public.__qualname__
        kind.__reduce__ = reduced  # type: ignore[method-assign,assignment]
        return kind

    return dressed


class SessionError(VoxSessionError):
    """Something about one session, named by `session_id`."""

    def __init__(self, session_id: str, message: str) -> None:
        super().__init__(message)
        self.session_id = session_id


class SessionNotFoundError(SessionError, LookupError):
    """No such session is stored, or it belongs to somebody else."""

    def __init__(self, session_id: str, message: str | None = None) -> None:
        super().__init__(
            session_id,
            message
            or f"No session {session_id!r} is stored here. Create it with "
            "voxon.create_session(session_id=...), or check the id and storage.",
        )


class SessionExistsError(SessionError):
    """A session of this id is stored already."""

    def __init__(self, session_id: str, message: str | None = None) -> None:
        super().__init__(
            session_id,
            message
            or f"A session {session_id!r} exists already. Open it with voxon.load_session({session_id!r}), "
            "or choose another id.",
        )


class SessionClosedError(SessionError):
    """This handle was closed; reading stays possible, changing does not."""

    def __init__(self, session_id: str) -> None:
        super().__init__(
            session_id,
            f"This handle of session {session_id!r} is closed. "
            f"Open it again with await voxon.load_session({session_id!r}).",
        )


class SessionEndedError(SessionError):
    """The session (or conversation) was ended or has expired; it opens for reading only."""

    def __init__(self, session_id: str, message: str | None = None) -> None:
        super().__init__(
            session_id,
            message
            or f"Session {session_id!r} has ended or expired: it can be read, not changed. "
            "Create a new session to go on.",
        )


class ConflictError(SessionError):
    """Someone else saved first: `expected_seq` was the version here, `found_seq` the stored one."""

    def __init__(
        self,
        session_id: str,
        *,
        expected_seq: int,
        found_seq: int | None,
        what: str | None = None,
        message: str | None = None,
    ) -> None:
        part = f" ({what})" if what else ""
        super().__init__(
            session_id,
            message
            or f"Session {session_id!r} was changed elsewhere{part}: version {expected_seq} was expected, "
            f"{found_seq if found_seq is not None else 'none'} found. Nothing was written. "
            "await session.reload(keep_pending=False) takes in the other changes and drops all that is not saved "
            "here; make your changes again after it.",
        )
        self.expected_seq = expected_seq
        self.found_seq = found_seq


class ConversationBusyError(SessionError):
    """A turn of this conversation is still running and `on_busy="reject"` was asked for."""

    def __init__(self, session_id: str, conversation_id: str) -> None:
        super().__init__(
            session_id,
            f"Conversation {conversation_id!r} is answering another message. "
            'Wait for it, or use on_busy="queue" or on_busy="interrupt".',
        )
        self.conversation_id = conversation_id


class PermissionDeniedError(VoxSessionError):
    """The grant does not exist, does not allow this, or is no longer valid; which of these is not told."""

    def __init__(
        self, message: str = "This is not permitted. Ask the owner for a share that allows it."
    ) -> None:
        super().__init__(message)


class StorageError(VoxSessionError):
    """The storage failed; the driver's own error is the cause. `storage` and `operation` say where.

    `is_foreign` is true where an adapter let an error of its own out, which does not tell whether waiting mends it.
    """

    is_foreign = False

    def __init__(self, message: str, *, storage: str = "", operation: str = "") -> None:
        super().__init__(message)
        self.storage = storage
        self.operation = operation

    @staticmethod
    def of_foreign(storage: str, operation: str, error: Exception) -> StorageError:
        """The error in place of one that an adapter let out: its class only, for its text may hold anything.

        Args:
            storage: the storage's type.
            operation: the method that raised it.
            error: what it raised; an `OSError` says that the storage cannot be reached.
        """
        kind = StorageUnavailableError if isinstance(error, OSError) else StorageError
        found = kind(
            f"{operation}() of the {storage} storage raised {type(error).__name__}. See the cause of this error.",
            storage=storage,
            operation=operation,
        )
        found.is_foreign = True
        return found


class StorageUnavailableError(StorageError):
    """The storage could not be reached or did not answer in time; a retry may help, nothing was lost here."""


class StorageFullError(StorageError):
    """The storage takes no more: the disk is full or `max_sessions` is reached."""


class FormatError(VoxSessionError):
    """Stored data cannot be read as what it should be."""


class UnsupportedFormatError(FormatError):
    """The data was written by a newer version: format `found`, this version knows up to `newest`."""

    def __init__(self, what: str, *, found: object, newest: int) -> None:
        super().__init__(
            f"{what} has format {_shown(found)}; this version of voxsession reads up to {newest}. "
            "Upgrade voxsession to open it; nothing was changed."
        )
        self.found = found
        self.newest = newest


class IntegrityError(FormatError):
    """The data is altered, truncated, foreign or unexpectedly plain; it was left as it is.

    `record` names the stored record, `reason` what did not hold.
    """

    def __init__(self, record: str, reason: str, message: str | None = None) -> None:
        super().__init__(
            message
            or f"Stored record {record!r} cannot be trusted: {reason}. Nothing was changed; "
            "restore it from a backup, or move it away to go on without it."
        )
        self.record = record
        self.reason = reason


class KeyNotFoundError(VoxSessionError, LookupError):
    """Data is sealed with a key that this process does not have; `key_id` names the key, never its content."""

    def __init__(
        self, key_id: str | None, record: str, remedy: str | None = None, *, message: str | None = None
    ) -> None:
        named = f"key {key_id!r}" if key_id else "a key"
        super().__init__(
            message
            or f"{record} is sealed with {named}, which is not known here. "
            + (remedy or "Give the right session_encryption_key (or SESSION_KEY, or the key ring file).")
        )
        self.key_id = key_id


class BudgetError(VoxSessionError):
    """What must fit does not: `needed_tokens` against the `available_tokens` of `where`; `remedy` says what to do."""

    def __init__(
        self,
        what: str,
        *,
        needed_tokens: int,
        available_tokens: int,
        where: str = "the context",
        remedy: str = "Raise context_tokens, shorten the instructions, or send a shorter message.",
    ) -> None:
        super().__init__(f"{what} need {needed_tokens} tokens, {where} has {available_tokens}. {remedy}")
        self.needed_tokens = needed_tokens
        self.available_tokens = available_tokens


class ModelError(VoxSessionError):
    """The model call failed; the provider's error is the cause."""


class ModelCallError(ModelError):
    """A model's service refused or failed; its own error is the cause.

    Attributes:
        kind: `authentication`, `permission`, `not_found`, `bad_request`, `rate_limit`, `server`, `connection`,
            `timeout`, `bad_answer`, `filtered` or `context_too_long`.
        status: the HTTP status, where there was one.

    Example:
        >>> error = ModelCallError("Too many requests.", kind="rate_limit", status=429)
        >>> error.kind, error.status
        ('rate_limit', 429)
    """

    def __init__(self, message: str, *, kind: str, status: int | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status


class ContextTooLongError(ModelCallError):
    """What was sent is more than the model can read.

    A model that raises it before its first chunk is asked once more, with a smaller context.

    Attributes:
        fits: the share of what was sent that would have fitted, where it is known.
    """

    def __init__(
        self,
        message: str = "The context is too long for the model.",
        *,
        fits: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, kind="context_too_long", status=status)
        self.fits = fits


class ProtocolError(VoxSessionError):
    """A server or a bridge got a message that it cannot accept; the connection state is unchanged."""

"""What was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from voxsession.core.struct import Struct, as_json
from voxsession.core.types import Count, JsonObject, UtcTime

__all__ = ["DOUBLED", "ROLES", "Message", "Role", "Usage", "sound_usages", "total_usage"]

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
DOUBLED: Final = "doubled"  # in `Message.repair`: why it was set aside
MAX_MODEL_NAME: Final = 400
MAX_TOKENS: Final = 10**12  # far above any model, far below what JSON readers can hold
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


# Not kw_only, so that filed messages are made from columns by place; whoever else makes one names its fields. Out of
# the garbage collector's sight, since nothing in JSON can lead back to a message: it need not visit thousands of them.
class Message(Struct, frozen=True, gc=False):
    """One text by one role, at its place in a conversation.

    Attributes:
        id: unique in its session.
        content: the text; None only beside `tool_calls`.
        name: who spoke, where the app knows it.
        at: when it was said (aware, UTC).
        token_count: tokens of `content`; an estimate where `estimated`.
        tool_calls: the calls that this assistant message asked for, in the OpenAI form.
        tool_call_id: for the role `tool`, the call that this is the result of.
        interrupted: the reply was cut off; `content` is what was delivered or heard.
        origin: where the text came from: `said`, `imported` or `shared`.
        redacted: the content was erased on request.
        repair: what repairing a broken history noted of it: `set_aside` (why it is not sent to a model), or
            `unanswered` (the ids of its calls whose result is unknown).
    """

    id: str
    conversation_id: str
    role: Role
    content: str | None
    at: UtcTime
    name: str | None = None
    metadata: JsonObject | None = None
    token_count: Count = 0
    estimated: bool = False
    tool_calls: list[JsonObject] | None = None
    tool_call_id: str | None = None
    interrupted: bool = False
    origin: str = "said"
    redacted: bool = False
    repair: JsonObject | None = None

    @property
    def is_double(self) -> bool:
        """Whether it is another message recorded once more: no history and no search gives it."""
        return self.repair is not None and self.repair.get("set_aside") == DOUBLED

    def to_dict(self) -> JsonObject:
        """All fields, ready for JSON, as a web service answers with: a copy, with `at` as an ISO text in UTC."""
        return as_json(self)

    def __repr__(self) -> str:
        return f"Message(id={self.id!r}, role={self.role!r}, token_count={self.token_count})"


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens that one reply took, as the model reports them or as counted here where `estimated`.

    Attributes:
        model: the model's name, which prices are found by; None where it is not known.
    """

    input_tokens: Count = 0
    output_tokens: Count = 0
    estimated: bool = True
    model: str | None = None


def sound_usages(given: object) -> list[Usage]:
    """What a model reported, in a list; none where it cannot be so, and then it has to be estimated.

    Example:
        >>> sound_usages(Usage(input_tokens=-5)), sound_usages({}), len(sound_usages(Usage(input_tokens=5)))
        ([], [], 1)
    """
    if not isinstance(given, Usage):
        return []
    counts = (given.input_tokens, given.output_tokens)
    is_sound = all(type(count) is int and 0 <= count <= MAX_TOKENS for count in counts)
    is_sound = is_sound and isinstance(given.estimated, bool)
    return [given] if is_sound and (given.model is None or _is_name(given.model)) else []


def total_usage(usages: Sequence[Usage]) -> Usage | None:
    """What the rounds of one turn took together; None without any."""
    if not usages:
        return None
    return Usage(
        input_tokens=sum(usage.input_tokens for usage in usages),
        output_tokens=sum(usage.output_tokens for usage in usages),
        estimated=any(usage.estimated for usage in usages),
        model=usages[-1].model,
    )


def _is_name(model: object) -> bool:
    try:
        return isinstance(model, str) and len(model.encode()) <= MAX_MODEL_NAME
    except UnicodeEncodeError:
        return False

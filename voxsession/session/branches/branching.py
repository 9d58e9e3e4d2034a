"""The calls of a session about its conversations as a tree of branches."""

from __future__ import annotations

from voxsession.core.conversation import ConversationEntry
from voxsession.core.types import check_id
from voxsession.errors import ConfigurationError, SessionClosedError
from voxsession.session.base import SessionBase
from voxsession.session.branches.tree import BranchComparison, BranchTree, tree_of
from voxsession.session.reading import filed_talks, find_conversation, read_history
from voxsession.session.reports import Receipt

__all__ = ["Branching"]


class Branching(SessionBase):
    """Conversations that branch: shown as a tree, compared, deleted."""

    def branches(self) -> BranchTree:
        """The conversations as a tree, which prints as one: at once those at hand, awaited all.

        Returns:
            A tree that can be gone through, asked for an id, and shown in a notebook.
        """
        core = self._core
        entries = {**core.filed_talks.entries, **core.view.conversations}
        named = tuple(ref.id for ref in core.data.index_pages)
        return tree_of(entries.values(), complete=core.filed_talks.pages == named, finish=self._all_branches)

    async def _all_branches(self) -> BranchTree:
        await filed_talks(self._core, self._host)
        return self.branches()

    async def compare_branches(self, one: str, other: str) -> BranchComparison:
        """Two conversations side by side: what both see, and what each has for itself.

        Args:
            one: the id of a conversation.
            other: the id of another.

        Raises:
            ConfigurationError: one of them does not exist.
        """
        core = self._core
        seen = []
        for name, conversation_id in (("one", one), ("other", other)):
            await self._existing(name, conversation_id)
            seen.append(await read_history(core, self._host, conversation_id))
        ids = [{message.id for message in messages} for messages in seen]
        shared = [message.id for message in seen[0] if message.id in ids[1]]
        own = [one_ids - other_ids for one_ids, other_ids in (ids, reversed(ids))]
        now = core.now()
        live = sorted(
            (entry for entry in core.view.all_memories() if entry.is_live(now) and not entry.sensitive),
            key=lambda entry: (entry.timestamp, entry.id),
        )
        memories = [tuple(entry.content for entry in live if entry.message_id in of) for of in own]
        return BranchComparison(
            ids=(one, other),
            shared_messages=len(shared),
            last_shared_id=shared[-1] if shared else None,
            own_messages=(len(own[0]), len(own[1])),
            own_memories=(memories[0], memories[1]),
        )

    async def delete_conversation(self, conversation_id: str, with_memories: bool = False) -> Receipt:
        """Erases what was said in a conversation; it is saved when this returns, and cannot be resumed.

        What a branch of it sees stays for that branch, and goes when the last such branch is deleted. Its summary
        goes too, unless it was brought back to another conversation. Counters stay as they are.

        Args:
            conversation_id: the conversation.
            with_memories: also erase what was learned from the messages that go.

        Returns:
            How many `messages` went, how many are `kept_for_branches`, how many `entries` went.

        Raises:
            ConfigurationError: there is no such conversation, it is open in this process, or a batch is open here.
            ConflictError: something else that is pending here cannot be saved; nothing was deleted.
            StorageError: not everything could be erased: call it again when the storage is back.
        """
        if self._is_closed:
            raise SessionClosedError(self._core.data.session_id)
        self._writable()
        await self._existing("conversation_id", conversation_id)
        from voxsession.session.branches.deletion import delete_conversation

        return await delete_conversation(self._core, self._host, conversation_id, with_memories)

    async def _existing(self, option: str, conversation_id: str) -> ConversationEntry:
        check_id(option, conversation_id)
        entry = await find_conversation(self._core, self._host, conversation_id)
        if entry is None or entry.status == "deleted":
            raise ConfigurationError(
                f"There is no conversation {conversation_id!r} in this session.",
                option=option,
                value=conversation_id,
            )
        return entry

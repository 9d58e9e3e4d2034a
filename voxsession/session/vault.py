"""The seals of one tenant: those of its sessions, those of its small records."""

from __future__ import annotations

from typing import Any

from voxsession.codec.keys import owner_hash, token_hash
from voxsession.codec.seal import Seal
from voxsession.codec.session_codec import SessionCodec
from voxsession.codec.upgrade import check_format
from voxsession.core.envelope import Record
from voxsession.core.types import decode_json, encode_json
from voxsession.errors import IntegrityError, KeyNotFoundError
from voxsession.session.keyring import PLAIN_REMEDY, Keyring

__all__ = ["Vault"]


class Vault(Keyring):
    """Makes and opens the seals of sessions with the keys of its tenant."""

    def owner(self, user_id: str | None) -> str:
        """What stands for the user in clear headers; empty without a user."""
        assert self._index_key, "the vault is not open"
        return owner_hash(self._index_key, self._tenant, user_id) if user_id is not None else ""

    def share_hash(self, *parts: str) -> str:
        """The keyed hash that stands for a share's token, or for what else sharing has to look up."""
        assert self._index_key, "the vault is not open"
        return token_hash(self._index_key, self._tenant, *parts)

    def new_codec(self, session_id: str) -> SessionCodec:
        """The codec of a session that begins, with a data key of its own."""
        if not self.encrypts:
            return SessionCodec(None)
        data_key = self._clock.random_bytes(32)
        key_id, wrapped = self._keys.wrap(data_key, self._tenant, session_id)
        return SessionCodec(Seal(data_key, self._code), key_id, wrapped)

    def codec_for(self, record: Record) -> tuple[SessionCodec, bool]:
        """The codec of a stored session, and whether its data key should be wrapped anew (the master key changed).

        Raises:
            KeyNotFoundError: its key is not known here.
            IntegrityError: its wrapped key was altered, or it is stored in clear.
        """
        session_id = str(record.get("session_id"))
        check_format(record, session_id)
        if not self.encrypts:
            return SessionCodec(None), False
        if "sealed" not in record:
            raise IntegrityError(session_id, "it is stored in clear, though this installation encrypts")
        data_key = self._keys.unwrap(
            record.get("key_id"), record.get("wrapped_key"), session_id, self._tenant, session_id
        )
        # What a key wrapped that began to write later than ours is not turned back.
        if record["key_id"] not in self._older:
            return SessionCodec(Seal(data_key, self._code), record["key_id"], record["wrapped_key"]), False
        key_id, wrapped = self._keys.wrap(data_key, self._tenant, session_id)
        return SessionCodec(Seal(data_key, self._code), key_id, wrapped), True

    def seal_small(self, header: Record, body: dict[str, Any]) -> Record:
        """A record that is no session (a pointer, a lease): header and body in one, sealed like a session's."""
        if not self.encrypts:
            return {**header, "body": body}
        data_key = self._clock.random_bytes(32)
        record_id = f"{header['kind']}.{header['session_id']}"
        key_id, wrapped = self._keys.wrap(data_key, self._tenant, record_id)
        sealed = Seal(data_key, self._code).seal(header, "small", encode_json(body))
        return {**header, "key_id": key_id, "wrapped_key": wrapped, "sealed": sealed}

    def open_small(self, record: Record, name: str) -> Any:
        """The body of a small record; the same errors as for a session."""
        check_format(record, name)
        if not self.encrypts:
            if "sealed" in record:
                raise KeyNotFoundError(None, f"Record {name!r}", PLAIN_REMEDY)
            return record.get("body")
        record_id = f"{record.get('kind')}.{record.get('session_id')}"
        data_key = self._keys.unwrap(
            record.get("key_id"), record.get("wrapped_key"), name, self._tenant, record_id
        )
        body = Seal(data_key, self._code).open(record, "small", record.get("sealed"), name)
        try:
            return decode_json(body)
        except ValueError:
            raise IntegrityError(name, "its body is not readable") from None

"""A lease, as its holder has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from voxsession.core.struct import Struct, as_json
from voxsession.core.types import UtcTime, check_number, check_text, encode_json, json_decoder
from voxsession.errors import ConfigurationError
from voxsession.locks.checks import check_device_id, check_name, check_ttl

__all__ = ["Lease", "check_lease"]

MAX_FENCE = 2**63 - 1


class Lease(Struct, frozen=True, kw_only=True):
    """The right to act for a device until a moment, shown by a number that only grows.

    Give `fence` to whatever you write to elsewhere on the strength of the lease, and let it refuse a
    number that is less than the greatest it has seen: then a holder that slept through its own expiry
    harms nobody.

    Attributes:
        device_id: the device.
        holder: who holds it.
        expires_at: until when (aware, UTC), unless it is renewed.
        fence: greater than that of every lease of this device before.
        ttl_seconds: how long it is given for, and what `renew_lease` adds.
        lease_id: a random name, by which its holder is told from another of the same name and number, as there may be
            in a storage that was restored from a backup.

    Example:
        >>> from datetime import datetime, UTC
        >>> end = datetime(2026, 1, 1, tzinfo=UTC)
        >>> lease = Lease(device_id="device-1", holder="worker-a", expires_at=end, fence=7, ttl_seconds=60)
        >>> Lease.from_dict(lease.to_dict()) == lease
        True
    """

    device_id: str
    holder: str
    expires_at: UtcTime
    fence: int
    ttl_seconds: float
    lease_id: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The lease as a JSON-ready dict, for the process that goes on with it."""
        return as_json(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Lease:
        """The lease that `to_dict` gave.

        Raises:
            ConfigurationError: a field is missing, or is none that a lease has; it is named.
        """
        try:
            lease: Lease = _decoded(encode_json(dict(fields)))
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"This is no lease: {error}.", option="lease") from None
        return check_lease(lease)


def check_lease(lease: object) -> Lease:
    """A lease as one may have been given out; `ConfigurationError` for anything else."""
    if not isinstance(lease, Lease):
        raise ConfigurationError.out_of_range(
            "lease", type(lease).__name__, "give the Lease that acquire_lease or take_over gave"
        )
    check_device_id(lease.device_id, None, option="lease.device_id")
    check_name("lease.holder", lease.holder)
    check_ttl("lease.ttl_seconds", lease.ttl_seconds)
    check_number("lease.fence", lease.fence, 0, MAX_FENCE, whole=True)
    check_text("lease.lease_id", lease.lease_id)
    return lease


_decoded = json_decoder(Lease)

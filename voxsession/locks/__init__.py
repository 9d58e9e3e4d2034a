"""One agent per device: routing markers, and exclusive leases with fencing numbers."""

from voxsession.locks.checks import uuid_device_id
from voxsession.locks.lease import Lease
from voxsession.locks.service import SessionLockService

__all__ = ["Lease", "SessionLockService", "uuid_device_id"]

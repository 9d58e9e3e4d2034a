"""One agent per device: two workers want the same device, and only one of them is ever obeyed.

The worker that has it stops answering (it was paused, or its line broke). The other takes over. When the first wakes
up it still believes that the device is its own, and everything it tries is refused: by the locks, and by the lamp,
which knows nothing of locks but remembers the greatest number it has seen.

    python examples/device_locks.py
"""

from __future__ import annotations

import asyncio

from voxsession import Event, MemorySessionStorage
from voxsession.locks import Lease, SessionLockService

DEVICE = "device-kitchen"


class Lamp:
    """Something outside that obeys whoever shows the greatest number so far."""

    def __init__(self) -> None:
        self.colour = "off"
        self._fence = 0

    def set(self, colour: str, lease: Lease) -> bool:
        if lease.fence < self._fence:
            return False
        self._fence, self.colour = lease.fence, colour
        return True


def tell(event: Event) -> None:
    """Shows what happens to leases."""
    fields = ", ".join(f"{name}={value}" for name, value in sorted(event.fields.items()) if name != "fence")
    print(f"    {event.type}: {fields}")


async def main() -> None:
    lamp = Lamp()
    # With a storage that several machines reach, such as "postgresql://...", these are two processes.
    async with SessionLockService(MemorySessionStorage(), ttl_seconds=60) as locks:
        locks.events.on("lease.*", tell)

        first = await locks.acquire_lease(DEVICE, "worker-a")
        assert first is not None
        print("worker-a has it; worker-b gets", await locks.acquire_lease(DEVICE, "worker-b"))
        print(
            "worker-a routes it to scheduling:",
            await locks.set_session_lock(DEVICE, "scheduling", lease=first),
        )
        print("worker-a turns the lamp green:", lamp.set("green", first))
        first = await locks.renew_lease(first)
        assert first is not None

        print("worker-a does not answer any more; worker-b takes over")
        second = await locks.take_over(DEVICE, "worker-b")
        print("worker-b routes it to billing:", await locks.set_session_lock(DEVICE, "billing", lease=second))
        print("worker-b turns the lamp red:", lamp.set("red", second))

        print("worker-a wakes up and goes on, too late")
        print("    routing:", await locks.set_session_lock(DEVICE, "scheduling", lease=first))
        print("    lamp:", lamp.set("green", first))
        print("    renewal:", await locks.renew_lease(first))

        assert lamp.colour == "red" and await locks.get_session_lock(DEVICE) == "billing"
        print("worker-b gives it back:", await locks.release_lease(second))
        print(
            "now:",
            {name: found for name, found in (await locks.get_lock_stats()).items() if "active" in name},
        )


if __name__ == "__main__":
    asyncio.run(main())

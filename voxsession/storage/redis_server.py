"""What a Redis server tells of itself, and what its settings promise."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from voxsession.storage.redis_links import Link

__all__ = ["figures"]

SETTINGS = ("appendonly", "appendfsync", "save", "maxmemory-policy")

_APPENDED = {
    "always": "A save that returned is on the server's disk.",
    "everysec": "A failing machine loses up to two seconds of saves; a failing server process loses none.",
    "no": "A failing machine loses what the system had not written yet, about 30 seconds; a failing process none.",
}
_SNAPSHOTS = "A failing server loses every save since its last snapshot, which may be many minutes."
_NOTHING = "A server that ends for any reason loses everything."
_UNTOLD = "The server does not tell its settings; ask who runs it."
_EVICTS = " When its memory is full it drops keys that it chooses itself: set maxmemory-policy to noeviction."


async def figures(link: Link) -> dict[str, Any]:
    """The `server` (name, version, whether it is a cluster) and its `persistence`; of a cluster, one node's."""
    await link.make_room()
    client = link.client
    try:
        server = await client.info("server")
    except ResponseError:
        server = {}
    settings = {name: await _setting(link, name) for name in SETTINGS}
    name = "valkey" if "valkey_version" in server else "redis"
    return {
        "server": {"name": name, "version": server.get(f"{name}_version"), "cluster": link.is_cluster},
        "persistence": {**settings, "meaning": meaning(settings)},
    }


async def _setting(link: Link, name: str) -> str | None:
    client = link.client
    try:
        found = await client.config_get(name)
    except ResponseError:  # many hosted servers keep their settings to themselves
        return None
    values = list(found.values())
    value = values[0] if values else None
    return value.decode() if isinstance(value, bytes) else value


def meaning(settings: dict[str, str | None]) -> str:
    """What is lost when a server with these settings fails, in one sentence or two.

    Example:
        >>> meaning({"appendonly": "yes", "appendfsync": "always"})
        "A save that returned is on the server's disk."
    """
    if settings.get("appendonly") is None:
        return _UNTOLD
    if settings["appendonly"] == "yes":
        kept = _APPENDED.get(str(settings.get("appendfsync")), _UNTOLD)
    else:
        kept = _SNAPSHOTS if settings.get("save") else _NOTHING
    policy = settings.get("maxmemory-policy") or ""
    return kept + (_EVICTS if policy.startswith("allkeys") else "")

"""Who is told what happens in a session."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from voxsession.clock import Clock
from voxsession.core.events import EVENT_NAMES, Event
from voxsession.errors import ConfigurationError

__all__ = ["EventHub", "Events", "Handler"]

Handler = Callable[[Event], Any]
Unsubscribe = Callable[[], None]
_log = logging.getLogger(__name__)


class _Subscription:
    __slots__ = ("handler", "once", "pattern")

    def __init__(self, pattern: str, handler: Handler, once: bool) -> None:
        self.pattern = pattern
        self.handler = handler
        self.once = once

    def takes(self, name: str) -> bool:
        return self.pattern in ("*", name) or ("*" in self.pattern and fnmatchcase(name, self.pattern))


def _is_ever_told(pattern: str) -> bool:
    if "*" in pattern:
        return any(fnmatchcase(name, pattern) for name in EVENT_NAMES)
    return pattern in EVENT_NAMES


def _unknown_event(pattern: object) -> ConfigurationError:
    import difflib  # only for the hint

    near = difflib.get_close_matches(pattern, EVENT_NAMES, 1) if isinstance(pattern, str) else []
    hint = f"did you mean {near[0]!r}? " if near else ""
    return ConfigurationError.out_of_range(
        "event",
        pattern,
        f"{hint}choose an event name or a pattern such as 'memory.*'; known: "
        + ", ".join(sorted(EVENT_NAMES)),
    )


class EventHub:
    """Delivers events in order, one after another, and isolates the handlers' failures.

    A handler that changes the session adds events to the end of the queue, so
    there is no recursion. Asynchronous handlers run as tasks and delay nobody.

    Args:
        parent: a hub that gets every event too, after the handlers here.
    """

    def __init__(self, clock: Clock, parent: EventHub | None = None) -> None:
        self._clock = clock
        self._parent = parent
        self._subscriptions: list[_Subscription] = []
        self._queue: deque[Event] = deque()
        self._delivering = False
        self._tasks: set[asyncio.Task[Any]] = set()
        self.watcher: Handler | None = None

    def on(self, pattern: str, handler: Handler, *, once: bool = False) -> Unsubscribe:
        """Subscribes; the returned callable ends the subscription."""
        if not isinstance(pattern, str) or not _is_ever_told(pattern):
            raise _unknown_event(pattern)
        if not callable(handler):
            raise ConfigurationError.out_of_range(
                "handler", handler, "a callable that takes the event is needed"
            )
        subscription = _Subscription(pattern, handler, once)
        self._subscriptions.append(subscription)
        return lambda: self._remove(subscription)

    def off(self, pattern: str, handler: Handler) -> bool:
        """Ends the subscriptions of this handler under this pattern; whether there was one."""
        found = [s for s in self._subscriptions if s.pattern == pattern and s.handler == handler]
        for subscription in found:
            self._remove(subscription)
        return bool(found)

    def _remove(self, subscription: _Subscription) -> None:
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)

    @property
    def is_heard(self) -> bool:
        """Whether anybody listens; events nobody hears need not be made."""
        return bool(self._subscriptions or self.watcher or (self._parent and self._parent.is_heard))

    def emit(self, event: Event) -> None:
        """Delivers the event, after those that are still being delivered."""
        self._queue.append(event)
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._queue:
                self._deliver(self._queue.popleft())
        finally:
            self._delivering = False

    def _deliver(self, event: Event) -> None:
        if self.watcher is not None:
            self.watcher(event)
        for subscription in list(self._subscriptions):
            if subscription.takes(event.type):
                if subscription.once:
                    self._remove(subscription)
                self._call(subscription.handler, event)
        if self._parent is not None:
            self._parent.emit(event)

    def _call(self, handler: Handler, event: Event) -> None:
        try:
            result = handler(event)
            if asyncio.iscoroutine(result):
                self._start(result, handler, event)
        except (Exception, asyncio.CancelledError) as error:
            # A handler is called, not awaited: what it raises is its own failure, never the caller's cancellation.
            self._failed(handler, event, error)

    def _start(self, coroutine: Any, handler: Handler, event: Event) -> None:
        try:
            task = asyncio.get_running_loop().create_task(coroutine)
        except RuntimeError:
            coroutine.close()
            raise RuntimeError("an asynchronous handler needs a running event loop") from None
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, handler, event))

    def _finished(self, task: asyncio.Task[Any], handler: Handler, event: Event) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(handler, event, error)

    def _failed(self, handler: Handler, event: Event, error: BaseException) -> None:
        name = getattr(handler, "__qualname__", type(handler).__name__)
        # The error's text may quote private content, so the log names its class only.
        _log.warning("handler %s failed on %s with %s", name, event.type, type(error).__name__)
        if event.type != "handler.failed":
            fields = {"handler": name, "event": event.type, "error": error}
            self.emit(Event("handler.failed", self._clock.now(), event.session_id, fields))


class Events:
    """The events of one handle: its subscriptions end when the handle closes.

    Example:
        >>> from voxsession.clock import SystemClock
        >>> events = Events(EventHub(SystemClock()))
        >>> stop = events.on("memory.*", lambda event: print(event.type))
        >>> stop()
    """

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub
        self._mine: list[Unsubscribe] = []

    def on(self, name_or_pattern: str, handler: Handler) -> Unsubscribe:
        """Calls `handler(event)` for each event of this name or pattern (``*``, ``memory.*``).

        Returns:
            A callable that ends the subscription.

        Raises:
            ConfigurationError: there is no event of this name.
        """
        stop = self._hub.on(name_or_pattern, handler)
        self._mine.append(stop)
        return stop

    def once(self, name_or_pattern: str, handler: Handler) -> Unsubscribe:
        """Calls `handler(event)` for the next such event only."""
        stop = self._hub.on(name_or_pattern, handler, once=True)
        self._mine.append(stop)
        return stop

    def off(self, name_or_pattern: str, handler: Handler) -> bool:
        """Ends the subscriptions of `handler` under this name or pattern; whether there was one."""
        return self._hub.off(name_or_pattern, handler)

    def end_all(self) -> None:
        """Ends every subscription made through this object."""
        while self._mine:
            self._mine.pop()()

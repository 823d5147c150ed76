"""Connections: those that keep the service waiting are closed."""

import asyncio
import logging
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from nevus.serving.descriptors import MOST_CONNECTIONS, Warner
from nevus.serving.headers import EVERYWHERE
from nevus.serving.refusals import encode_error

_log = logging.getLogger(__name__)
# Its warnings are about packages to install; what they warn of gets a line of ours.
logging.getLogger("uvicorn.error").setLevel(logging.ERROR)

PATIENCE: Final = 10.0
"""Seconds for a request's head; a client that reads its answer slowly has three times that."""
RATE: Final = 64 * 2**10
"""Bytes per second that a client has to read."""
_warner: Final = Warner(_log)


class Protocol(H11Protocol):
    """uvicorn's, with a time for heads, a time for readers, a bound, and errors as JSON."""

    patience = PATIENCE
    rate = RATE
    most = MOST_CONNECTIONS
    _idle_since = 0.0
    _dropped = False
    _head_timer: asyncio.TimerHandle | None = None
    _read_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head; where all places are taken, the longest idle one is freed."""
        super().connection_made(transport)
        self._idle_since = self.loop.time()
        self._await_head()
        self._make_place()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a head that comes in drips is waited for no longer."""
        super().data_received(data)
        if self._busy:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._await_head()

    def on_response_complete(self) -> None:
        """Be idle again."""
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._stop_head_timer()
        self._stop_read_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Give the client a time to read on."""
        super().pause_writing()
        if self._read_timer is None:
            self._await_reader()

    def resume_writing(self) -> None:
        """It did."""
        self._stop_read_timer()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        # Nothing of it can be trusted enough to stand in a log.
        _log.info("- - 400 no HTTP")
        body = encode_error("bad_request", msg)
        headers = {
            **EVERYWHERE,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.transport.close()
            return
        response = h11.Response(status_code=400, headers=pairs, reason=b"Bad Request")
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    @property
    def _busy(self) -> bool:
        # uvicorn sets a cycle for each request; a WebSocket's transport is no longer ours.
        return self.cycle is not None and not self.cycle.response_complete

    def _make_place(self) -> None:
        """Drop one connection if there are too many: the newest, where all others are at work."""
        # uvicorn forgets a dropped one only in the loop's next round.
        held: list[Any] = [one for one in self.connections if not getattr(one, "_dropped", False)]
        if len(held) > self.most:
            idle = (one for one in held if not one._busy)
            min(idle, key=lambda one: one._idle_since)._drop()
            _warner.warn("more than %d connections: those idle longest are closed", self.most)

    def _drop(self) -> None:
        self._dropped = True
        # Not `close`, which waits for a client that does not read its last answer.
        self.transport.abort()

    def _await_reader(self) -> None:
        left = self.transport.get_write_buffer_size()
        self._read_timer = self.loop.call_later(3 * self.patience, self._judge_reader, left)

    def _judge_reader(self, before: int) -> None:
        """Go on waiting for a client that has read enough: a large answer takes slow lines long."""
        read = before - self.transport.get_write_buffer_size()
        if read < 3 * self.patience * self.rate:
            self._read_timer = None
            self.transport.abort()
        else:
            self._await_reader()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self.patience, self._give_up)

    def _give_up(self) -> None:
        self._head_timer = None
        if not self._busy and not self.transport.is_closing():
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_read_timer(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

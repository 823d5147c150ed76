"""The way in and out: who may ask, headers of answers, one line of log, one shape of errors."""

import asyncio
import logging
import secrets
import traceback
from collections.abc import Collection, MutableMapping
from pathlib import Path
from time import monotonic
from typing import Any, Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nevus.serving.headers import (
    EVERYWHERE,
    check_framing,
    check_host,
    check_site,
    check_token,
    read_headers,
)
from nevus.serving.refusals import RefusedError, defect
from nevus.serving.settings import Settings
from nevus.serving.telemetry import Telemetry

_log = logging.getLogger(__name__)
_UNKNOWN: Final = "-"
CLIENT_GONE: Final = 499
"""Status in the log where the client left; nobody receives it."""
EXCHANGE: Final = "nevus.exchange"
"""Key in a request's scope."""
_ASKED_OFTEN: Final = ("/livez", "/readyz", "/metrics")
"""Not in the log while all is well: machines ask every few seconds."""
_DRAINED: Final = 8
"""Times `max_body` that is read of a refused request, so that its sender sees the answer."""


class Gate:
    """Wraps the application.

    Args:
        app: The application.
        settings: Of the service.
        telemetry: To count in.
        paths: That exist; others are not named in the log, since they may hold anything.
        free: Paths that need no token.

    Attributes:
        active: Requests with a body that have no answer yet.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        telemetry: Telemetry,
        paths: Collection[str],
        free: Collection[str],
    ) -> None:
        self.active = 0
        self._app = app
        self._settings = settings
        self._telemetry = telemetry
        self._paths = paths
        self._free = free

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self._settings)
        scope[EXCHANGE] = exchange
        self.active += exchange.has_body
        try:
            await self._answer(scope, exchange)
        finally:
            self.active -= exchange.has_body
            self._note(scope, exchange)

    async def _answer(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            self._check(scope, exchange.headers)
            await self._app(_as_get(scope), exchange.receive, exchange.send)
        except RefusedError as refusal:
            await exchange.refuse(refusal)
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            _log.error("a defect of nevus: %s in %s", type(error).__name__, place)
            # FastAPI has told the client, if it could.
            if not exchange.started:
                await exchange.refuse(defect("the request failed"))

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        check_framing(headers)
        check_host(headers, self._settings)
        if scope["method"] not in {"GET", "HEAD"}:
            check_site(headers)
        if scope["path"] not in self._free:
            check_token(headers, self._settings)

    def _note(self, scope: Scope, exchange: "_Exchange") -> None:
        path = scope["path"] if scope["path"] in self._paths else _UNKNOWN
        method = scope["method"] if scope["method"] in {"GET", "HEAD", "POST"} else _UNKNOWN
        seconds = monotonic() - exchange.start
        self._telemetry.count_request(path, exchange.status, seconds)
        _log.log(
            logging.DEBUG if path in _ASKED_OFTEN and exchange.status < 400 else logging.INFO,
            "%s %s %d %.0fms in=%d out=%d id=%s",
            method, path, exchange.status, 1000 * seconds, exchange.received, exchange.sent,
            exchange.request_id,
        )  # fmt: skip


def _as_get(scope: Scope) -> Scope:
    """Return the GET request that a HEAD request asks about; uvicorn drops the body."""
    return {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        self.headers = read_headers(scope["headers"])
        self.request_id = secrets.token_hex(8)
        self.start = monotonic()
        self.status = CLIENT_GONE
        self.received = 0
        self.sent = 0
        length = self.headers.get("content-length", "0")
        self.has_body = length != "0" or "transfer-encoding" in self.headers
        self._unread = self.has_body
        self._waits = self.headers.get("expect", "").lower() == "100-continue"
        self.started = False
        self.linger = True
        self._receive = receive
        self._send = send
        self._settings = settings

    async def receive(self) -> Message:
        """Receive, and remember what came."""
        self._waits = False
        message = await self._receive()
        if message["type"] == "http.request":
            self.received += len(message.get("body", b""))
            self._unread = message.get("more_body", False)
        else:
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        """Send, with the headers of every answer; an unread body is read before the end."""
        if message["type"] == "http.response.start":
            self._begin(message)
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        self.sent += len(message.get("body", b""))
        if not (last and self._unread and self.linger and not self._waits):
            await self._send(message)
            return
        # Closing now would reset the connection while the sender still sends, and the answer
        # might be lost on its way.
        await self._send({**message, "more_body": True})
        await self._drain()
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def refuse(self, refusal: RefusedError) -> None:
        """Answer with an error."""
        self.linger = refusal.linger
        body = refusal.to_json()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **refusal.headers,
        }
        pairs = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": refusal.status, "headers": pairs})
        await self.send({"type": "http.response.body", "body": body})

    def _begin(self, message: MutableMapping[str, Any]) -> None:
        self.started = True
        self.status = message["status"]
        message.setdefault("headers", [])
        headers = MutableHeaders(scope=message)
        for name, value in EVERYWHERE.items():
            headers.setdefault(name, value)
        headers["X-Request-Id"] = self.request_id
        if self._unread:
            headers["Connection"] = "close"

    async def _drain(self) -> None:
        most = self.received + _DRAINED * self._settings.max_body
        try:
            async with asyncio.timeout(self._settings.patience):
                while self._unread and self.received < most:
                    await self.receive()
        except TimeoutError:
            return

"""Headers of every answer, and what is read from those of requests."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from nevus.serving.refusals import RefusedError
from nevus.serving.settings import Settings, is_loopback

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
EVERYWHERE: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer; none lets another site read one, since there is no CORS."""

_LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_OWN_SITES: Final = ("same-origin", "none")


def read_headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers by lower-case name; of several of one name the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def check_host(headers: Mapping[str, str], settings: Settings) -> None:
    """Refuse names that are not the service's: a page may have bent its own to this address.

    Raises:
        RefusedError: 421.
    """
    if not settings.allow_hosts and not is_loopback(settings.host):
        # A token is asked for there, which such a page does not have.
        return
    # The address that is bound is the one that is announced.
    names = (*_LOOPBACK_NAMES, settings.host_name, *settings.allow_hosts)
    allowed = {name.lower() for name in names}
    host = headers.get("host", "").lower()
    if host not in allowed and _drop_port(host) not in allowed:
        raise RefusedError(
            421, "wrong_host", "the Host header names another service",
            hint="start nevus serve with --allow-host and the name people use",
        )  # fmt: skip


def check_site(headers: Mapping[str, str]) -> None:
    """Refuse what a page of another site had a browser send.

    Raises:
        RefusedError: 403.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        foreign = site not in _OWN_SITES
    else:
        foreign = origin is not None and not _is_of(origin, headers.get("host"))
    if foreign:
        raise RefusedError(403, "other_site", "another site's page sent this request")


def check_token(headers: Mapping[str, str], settings: Settings) -> None:
    """Refuse who does not know the token, where there is one.

    Raises:
        RefusedError: 401.
    """
    if settings.token is None:
        return
    kind, _, given = headers.get("authorization", "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(), settings.token.encode())
    if kind.lower() != "bearer" or not right:
        raise RefusedError(
            401, "no_token", "the token is missing or wrong",
            hint="send it as Authorization: Bearer TOKEN",
            headers={"WWW-Authenticate": 'Bearer realm="nevus"'},
        )  # fmt: skip


def check_query(query: bytes) -> None:
    """Refuse options in the address: none is known, and one ignored would mislead.

    Raises:
        RefusedError: 400.
    """
    if query:
        raise RefusedError(
            400, "unknown_option", "the address has options after the ?; the service knows none",
            hint="coverage, scale and evidence are options of nevus analyze alone",
        )  # fmt: skip


def check_framing(headers: Mapping[str, str]) -> None:
    """Refuse a body whose end is told in two ways: a proxy may have believed the other.

    Raises:
        RefusedError: 400.
    """
    if "content-length" in headers and "transfer-encoding" in headers:
        raise RefusedError(
            400, "bad_request", "both Content-Length and Transfer-Encoding were sent",
            hint="send one of them", headers={"Connection": "close"}, linger=False,
        )  # fmt: skip


def prefers_archive(accept: str) -> bool:
    """Return whether an ``Accept`` header asks for an archive rather than for JSON."""
    weights = dict(map(_weigh, accept.lower().split(",")))
    return weights.get("application/zip", 0.0) > weights.get("application/json", 0.0)


def _weigh(entry: str) -> tuple[str, float]:
    kind, *options = (part.strip() for part in entry.split(";"))
    for option in options:
        if option.startswith("q="):
            try:
                return kind, float(option.removeprefix("q="))
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _is_of(origin: str, host: str | None) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:  # no address at all, such as "http://["
        return False


def _drop_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host

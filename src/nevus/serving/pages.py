"""The files of the web page, read once, and the readable form of the OpenAPI document."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from nevus.labels import NOTICE

_KINDS: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "json": "application/json",
    "webmanifest": "application/manifest+json",
    "woff2": "font/woff2",
}
"""By name's end; what the operating system thinks of them does not count."""


@dataclass(frozen=True)
class PageFile:
    """A file of the page."""

    kind: str
    data: bytes


def read_page() -> dict[str, PageFile]:
    """Return the page's files by path: ``/`` and every other both at the root and in ``/page/``."""
    found: dict[str, PageFile] = {}
    for name, data in _walk(resources.files("nevus.serving") / "page"):
        end = name.rpartition(".")[2]
        kind = _KINDS.get(end)
        if kind is None:
            continue
        file = PageFile(kind, data)
        found[f"/{name}"] = found[f"/page/{name}"] = file
        if name == "index.html":
            found["/"] = file
    return found


def render_docs(document: Mapping[str, Any], address: str) -> str:
    """Return a page that shows an OpenAPI document; it loads nothing from elsewhere.

    Args:
        document: The OpenAPI document.
        address: Of the service, for the examples, without a last slash.
    """
    return str(_load_template().render(document=document, notice=NOTICE, address=address))


def read_style() -> str:
    """Return the style sheet of `render_docs`."""
    return _read_template("docs.css")


def _walk(folder: Traversable, before: str = "") -> Iterator[tuple[str, bytes]]:
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir(), key=lambda one: one.name):
        if entry.is_dir():
            yield from _walk(entry, f"{before}{entry.name}/")
        else:
            yield f"{before}{entry.name}", entry.read_bytes()


def _read_template(name: str) -> str:
    path = resources.files("nevus.serving") / "templates" / name
    return path.read_text(encoding="utf-8")


@cache
def _load_template() -> Any:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read_template("docs.html"))

"""Pages from templates: one HTML file that runs no script and loads nothing from anywhere."""

import base64
import hashlib
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from nevus.labels import NOTICE


def render_page(name: str, **values: object) -> str:
    """Return the page of ``templates/NAME.html`` with ``templates/NAME.css`` inside.

    The template is given ``css``, ``policy`` (a Content-Security-Policy that allows this very
    style and pictures within the page) and ``notice``. Every value is escaped; one that is
    missing is an error.

    Args:
        name: Of the template.
        values: What it shows.
    """
    css = _read_resource(f"{name}.css")
    style_hash = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_read_resource(f"{name}.html")).render(
        css=Markup(css),
        notice=NOTICE,
        policy=f"default-src 'none'; img-src data:; style-src 'sha256-{style_hash}'; "
        "base-uri 'none'; form-action 'none'",
        **values,
    )


@cache
def _read_resource(name: str) -> str:
    return (resources.files("nevus.evaluation") / "templates" / name).read_text(encoding="utf-8")

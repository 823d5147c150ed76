"""The application: paths and what answers them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from nevus import __version__
from nevus.labels import NOTICE
from nevus.serving import schemas
from nevus.serving.gate import CLIENT_GONE, EXCHANGE, Gate
from nevus.serving.pages import PageFile, read_page, read_style, render_docs
from nevus.serving.refusals import ClientGoneError, RefusedError, defect, encode_error
from nevus.serving.samples import add_examples
from nevus.serving.service import Service
from nevus.serving.settings import Settings

OPEN: Final = ("/", "/livez", "/readyz", "/docs", "/docs.css", "/openapi.json")
"""Paths that need no token, besides the page's files."""

_VERBS: Final = {
    "analyze": "Lesion, attributes, diagnosis, measures and quality of photographs",
    "segment": "The lesion of photographs",
    "attributes": "Dermoscopic attributes of photographs",
    "diagnose": "Class probabilities of photographs",
}
_REPORT: Final = "One self-contained HTML page about photographs"
_ANSWERED: Final = "A result for each photograph, in order; with Accept: application/zip, files"
_ERRORS: Final = (400, 401, 403, 404, 408, 413, 415, 421, 429, 500, 503, 504)
_OTHER_THAN_JSON: Final = ("/v1/report", "/metrics")
_WORDS: Final = {404: "there is nothing at this path", 405: "this path knows no such method"}
_CODES: Final = {404: "not_found", 405: "wrong_method"}


def create_app(settings: Settings) -> FastAPI:
    """Return the application; `app.state.service` and `app.state.gate` are its parts."""
    service = Service(settings)

    @asynccontextmanager
    async def live(_: FastAPI) -> AsyncIterator[None]:
        service.pool.open()
        yield
        await service.pool.close()

    app = FastAPI(
        title="nevus", version=__version__, summary="Dermoscopy analysis", description=NOTICE,
        lifespan=live, docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        redirect_slashes=False,
    )  # fmt: skip
    app.state.service = service
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(RefusedError, _answer_refusal)
    app.add_exception_handler(ClientGoneError, _answer_nobody)
    app.add_exception_handler(Exception, _answer_defect)
    page = read_page()
    _add_verbs(app, service)
    _add_facts(app, service)
    _add_pages(app, page)
    # Made now, so that nobody waits for it in the event loop.
    document = app.openapi()
    _describe_token(document, settings)
    for path in _OTHER_THAN_JSON:
        for operation in document["paths"][path].values():
            # FastAPI adds what it would answer by itself.
            del operation["responses"]["200"]["content"]["application/json"]
    add_examples(document)
    # FastAPI's own way to another document is to replace this method of the instance.
    app.openapi = lambda: document  # type: ignore[method-assign]
    _add_page(
        app, "/docs", render_docs(document, settings.address).encode(), "text/html; charset=utf-8"
    )
    free = {*OPEN, *page}
    paths = {getattr(route, "path", "") for route in app.routes} | free
    _wrap(app, settings, service, paths, free)
    return app


def _wrap(
    app: FastAPI, settings: Settings, service: Service, paths: set[str], free: set[str]
) -> None:
    """Put the gate around everything, FastAPI's own handling of errors included."""
    build = app.build_middleware_stack
    app.state.gate = None

    def build_with_gate() -> Any:
        app.state.gate = Gate(build(), settings, service.telemetry, paths, free)
        return app.state.gate

    # Outside of every other layer, which `add_middleware` cannot be.
    app.build_middleware_stack = build_with_gate  # type: ignore[method-assign]


def _add_verbs(app: FastAPI, service: Service) -> None:
    form = schemas.describe_form(service.settings.max_photographs)
    errors = schemas.describe_errors(*_ERRORS)
    binary = {"schema": {"type": "string", "format": "binary"}}
    results = {
        "model": schemas.Results, "description": _ANSWERED, "content": {"application/zip": binary},
    }  # fmt: skip
    for verb, summary in _VERBS.items():
        app.add_api_route(
            f"/v1/{verb}", _make_verb(service, verb), methods=["POST"], summary=summary,
            operation_id=verb, response_model=None, responses={200: results, **errors},
            openapi_extra=form, tags=["photographs"],
        )  # fmt: skip
    page = {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The page"}
    app.add_api_route(
        "/v1/report", _make_verb(service, "report"), methods=["POST"], summary=_REPORT,
        operation_id="report", response_model=None,
        responses={200: page, **errors}, openapi_extra=form, tags=["photographs"],
    )  # fmt: skip


def _make_verb(service: Service, verb: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        return await service.answer(verb, request)

    return answer


def _add_facts(app: FastAPI, service: Service) -> None:
    refused = schemas.describe_errors(401, 421, 503)

    @app.get(
        "/v1/models", response_model=schemas.Models, responses=refused, tags=["facts"],
        operation_id="models",
    )  # fmt: skip
    async def models() -> Response:
        """Which models answer."""
        service.check_ready()
        told = {
            "notice": NOTICE,
            "nevus": __version__,
            "verbs": list(service.pool.verbs),
            "models": list(service.pool.models),
        }
        return JSONResponse(told)

    @app.get(
        "/livez", response_model=schemas.Health, responses=schemas.describe_errors(421),
        tags=["health"], operation_id="livez",
    )  # fmt: skip
    async def livez() -> Response:
        """Whether the service runs at all."""
        return JSONResponse({"status": "live"})

    @app.get(
        "/readyz", response_model=schemas.Health, responses=schemas.describe_errors(421, 503),
        tags=["health"], operation_id="readyz",
    )  # fmt: skip
    async def readyz() -> Response:
        """Whether photographs can be sent: models checked, workers tried, not stopping."""
        service.check_ready()
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics", response_model=None, tags=["health"], operation_id="metrics",
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **refused},
    )  # fmt: skip
    async def metrics() -> Response:
        """Counters in Prometheus's text form."""
        from nevus.serving.telemetry import CONTENT_TYPE

        return Response(service.telemetry.show(), headers={"Content-Type": CONTENT_TYPE})


def _add_pages(app: FastAPI, page: dict[str, PageFile]) -> None:
    for path, file in page.items():
        _add_page(app, path, file.data, file.kind)
    _add_page(app, "/docs.css", read_style().encode(), "text/css; charset=utf-8")


def _add_page(app: FastAPI, path: str, body: bytes, kind: str) -> None:
    async def answer() -> Response:
        return Response(body, headers={"Content-Type": kind, "Cache-Control": "no-cache"})

    app.add_api_route(path, answer, include_in_schema=False)


def _describe_token(document: dict[str, Any], settings: Settings) -> None:
    if settings.token is None:
        return
    document.setdefault("components", {})["securitySchemes"] = schemas.describe_token()
    for path, item in document["paths"].items():
        for operation in item.values():
            operation["security"] = [] if path in OPEN else [{"token": []}]


async def _answer_http_error(_: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses, in the shape of all errors."""
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code, "refused")
    words, hint = _WORDS.get(error.status_code, str(error.detail)), "/docs lists what there is"
    if allowed := (error.headers or {}).get("Allow"):
        hint = f"{allowed} is allowed; {hint}"
    body = encode_error(code, words, hint)
    headers = {**(error.headers or {}), "Content-Type": "application/json"}
    return Response(body, status_code=error.status_code, headers=headers)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    request.scope[EXCHANGE].linger = error.linger
    headers = {**error.headers, "Content-Type": "application/json"}
    return Response(error.to_json(), status_code=error.status, headers=headers)


async def _answer_nobody(_request: Request, _error: Exception) -> Response:
    return Response(status_code=CLIENT_GONE)


async def _answer_defect(_request: Request, _error: Exception) -> Response:
    refusal = defect("the request failed")
    return Response(refusal.to_json(), status_code=500, media_type="application/json")

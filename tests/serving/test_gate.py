"""Headers, tokens, hosts and documents, asked of the application without a server or workers."""

import asyncio
import json
import re
from typing import Any
from unittest.mock import ANY

import pytest

from nevus.errors import UsageError
from nevus.labels import NOTICE
from nevus.serving import colleague, schemas
from nevus.serving.app import create_app
from nevus.serving.headers import check_site, prefers_archive
from nevus.serving.refusals import RefusedError
from nevus.serving.settings import Settings

TOKEN = "a-token-of-enough-signs"


class Asked:
    """An answer as the application sent it."""

    def __init__(self, messages: list[dict[str, Any]]) -> None:
        self.status = messages[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
        self.body = b"".join(one.get("body", b"") for one in messages[1:])


def ask(app: Any, path: str, method: str = "GET", query: bytes = b"", **headers: str) -> Asked:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    given = {"host": "localhost:8000", **headers}
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
    scope = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode(),
        "query_string": query, "headers": pairs, "root_path": "", "http_version": "1.1",
        "scheme": "http", "server": ("127.0.0.1", 8000), "client": ("127.0.0.1", 1),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return Asked(sent)


@pytest.fixture(scope="module")
def plain() -> Any:
    return create_app(Settings(workers=1))


@pytest.fixture(scope="module")
def guarded() -> Any:
    return create_app(Settings(host="0.0.0.0", token=TOKEN, workers=1))


@pytest.mark.parametrize("path", ["/", "/livez", "/readyz", "/docs", "/nothing", "/v1/models"])
def test_headers_of_every_answer(plain: Any, path: str) -> None:
    headers = ask(plain, path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert len(headers["x-request-id"]) == 16
    assert not [name for name in headers if name.startswith("access-control")]
    if path.startswith("/v1") or path.endswith("z"):
        assert headers["cache-control"] == "no-store"


def test_monitors_may_ask_by_head(plain: Any) -> None:
    assert ask(plain, "/livez", "HEAD").status == 200
    assert ask(plain, "/", "HEAD").headers == {
        **ask(plain, "/").headers, "x-request-id": ANY
    }  # fmt: skip


def test_a_wrong_method_says_the_right_one(plain: Any) -> None:
    answer = json.loads(ask(plain, "/v1/models", "POST").body)["error"]
    assert answer["code"] == "wrong_method"
    assert answer["hint"].startswith("GET is allowed")


def test_a_body_that_ends_in_two_ways(plain: Any) -> None:
    answer = ask(plain, "/v1/analyze", "POST", content_length="5", transfer_encoding="chunked")
    assert answer.status == 400
    assert answer.headers["connection"] == "close"


def test_workers_do_not_know_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEVUS_TOKEN", TOKEN)
    assert TOKEN not in str(colleague._make_surroundings())


def test_not_ready_without_workers(plain: Any) -> None:
    answer = ask(plain, "/readyz")
    assert answer.status == 503
    assert json.loads(answer.body)["error"]["code"] == "not_ready"
    assert ask(plain, "/livez").status == 200


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("", 401), (TOKEN, 401), (f"Basic {TOKEN}", 401), (f"Bearer {TOKEN}x", 401),
        ("Bearer ümlaut", 401), (f"Bearer {TOKEN}", 503), (f"bearer {TOKEN}", 503),
    ],
)  # fmt: skip
def test_the_token(guarded: Any, given: str, status: int) -> None:
    for path in ("/v1/models",):
        answer = ask(guarded, path, **({"authorization": given} if given else {}))
        assert answer.status == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert TOKEN not in answer.body.decode()


def test_what_needs_no_token(guarded: Any) -> None:
    assert ask(guarded, "/livez").status == 200
    assert ask(guarded, "/docs").status == 200
    assert ask(guarded, "/metrics").status == 401
    # Names do not matter where a token is asked for, since a bent name does not bring one.
    assert ask(guarded, "/livez", host="nevus.example.org").status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("127.0.0.1:8000", 200), ("[::1]:8000", 200), ("[::1]", 200),
        ("evil.example", 421), ("localhost.evil.example", 421), ("", 421),
        ("nevus.example.org", 200), ("NEVUS.example.org:443", 200),
    ],
)  # fmt: skip
def test_hosts(host: str, status: int) -> None:
    app = create_app(Settings(workers=1, allow_hosts=("nevus.example.org",)))
    assert ask(app, "/livez", host=host).status == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:8000", 503), ("https://localhost:8000", 503), ("http://localhost", 403),
        ("null", 403), ("", 403), ("http://[", 403), ("http://[::1", 403), ("http://a]b", 403),
        ("http://evil.example", 403),
    ],
)  # fmt: skip
def test_origins(plain: Any, origin: str, status: int) -> None:
    answer = ask(plain, "/v1/analyze", "POST", origin=origin)
    assert answer.status == status, answer.body


def test_an_origin_that_is_none_is_not_that_of_a_missing_host() -> None:
    with pytest.raises(RefusedError, match="another site"):
        check_site({"origin": "http://["})


@pytest.mark.parametrize(
    ("bound", "host", "status"),
    [
        ("127.0.0.2", "127.0.0.2:8000", 200), ("127.0.0.2", "localhost", 200),
        ("127.0.0.2", "127.0.0.3", 421), ("::1", "[::1]:8000", 200), ("[::1]", "[::1]", 200),
        ("localhost", "127.0.0.2", 421),
    ],
)  # fmt: skip
def test_the_address_that_is_bound_is_a_name(bound: str, host: str, status: int) -> None:
    app = create_app(Settings(host=bound, workers=1))
    assert ask(app, "/livez", host=host).status == status


def test_documents_load_nothing_from_elsewhere(guarded: Any) -> None:
    page = ask(guarded, "/docs").body.decode()
    assert NOTICE in page
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith("/")
    assert "<script" not in page
    assert ask(guarded, "/docs.css").headers["content-type"].startswith("text/css")
    document = json.loads(ask(guarded, "/openapi.json").body)
    assert set(document["paths"]) >= {
        "/v1/analyze", "/v1/segment", "/v1/attributes", "/v1/diagnose", "/v1/report",
        "/v1/models", "/livez", "/readyz", "/metrics",
    }  # fmt: skip
    assert document["paths"]["/v1/analyze"]["post"]["security"] == [{"token": []}]
    assert document["paths"]["/livez"]["get"]["security"] == []
    assert "Analysis" in document["components"]["schemas"]


def test_settings_that_cannot_be() -> None:
    with pytest.raises(UsageError, match="no token"):
        Settings(host="0.0.0.0")
    with pytest.raises(UsageError, match="at least 16"):
        Settings(token="short")
    with pytest.raises(UsageError, match="queue is -1"):
        Settings(queue=-1)
    for name in ("", "http://nevus.example.org/", "a b"):
        with pytest.raises(UsageError, match="can be in no Host header"):
            Settings(allow_hosts=(name,))
    assert Settings(allow_hosts=("nevus.example.org:8443", "[::1]")).allow_hosts
    with pytest.raises(UsageError, match="deadline"):
        Settings(deadline=float("nan"))
    assert TOKEN not in repr(Settings(host="10.0.0.1", token=TOKEN))
    assert Settings(host="::1").token is None


def test_examples_are_what_the_service_says(plain: Any) -> None:
    document = json.loads(ask(plain, "/openapi.json").body)
    shapes = {
        "/v1/models": schemas.Models, "/livez": schemas.Health, "/readyz": schemas.Health,
        **dict.fromkeys(
            ("/v1/analyze", "/v1/segment", "/v1/attributes", "/v1/diagnose"), schemas.Results
        ),
    }  # fmt: skip
    for path, item in document["paths"].items():
        (operation,) = item.values()
        for status, answer in operation["responses"].items():
            if status != "200":
                error = schemas.ErrorAnswer.model_validate(
                    answer["content"]["application/json"]["example"]
                ).error
                assert error.code
            elif path in shapes:
                example = answer["content"]["application/json"]["example"]
                shapes[path].model_validate_json(json.dumps(example))
    diagnosed = document["paths"]["/v1/diagnose"]["post"]["responses"]["200"]
    (first, second) = diagnosed["content"]["application/json"]["example"]["results"]
    assert first["analysis"]["segmentation"] is None
    assert (first["masks"], second["error"]["code"]) == ({}, "truncated")
    page = ask(plain, "/docs").body.decode()
    assert "conformal_set" in page
    assert "curl -F photographs=@a.jpg http://127.0.0.1:8000/v1/segment" in page


@pytest.mark.parametrize(
    ("accept", "archive"),
    [
        ("", False), ("*/*", False), ("application/json", False), ("application/zip", True),
        ("Application/ZIP", True), ("application/zip, application/json", False),
        ("application/zip, */*;q=0.1", True), ("application/json;q=0.5, application/zip", True),
        ("application/json, application/zip;q=0.5", False), ("application/zip;q=0", False),
        ("application/zip;q=x", False), ("application/zip;q=nan", False),
    ],
)  # fmt: skip
def test_which_answer_is_asked_for(accept: str, archive: bool) -> None:
    assert prefers_archive(accept) is archive

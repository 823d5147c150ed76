"""What comes back: JSON, archives, pages, errors, all from a live server."""

import base64
import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nevus.analysis.results import Analysis
from nevus.labels import ATTRIBUTES, NOTICE

CANARY = "Erika_Mustermann"


def test_one_result_for_each_photograph_in_order(server: Any, draw: Callable[..., bytes]) -> None:
    files = [("a.png", draw(1)), ("b.png", b"no picture at all"), ("c.jpg", draw(2, "JPEG"))]
    answer = server.post(files)
    assert answer.status == 200
    told = answer.json()
    assert told["notice"] == NOTICE
    first, bad, last = told["results"]
    assert [first["name"], bad["name"], last["name"]] == ["a.png", "b.png", "c.jpg"]
    assert "analysis" not in bad
    assert set(bad["error"]) == {"code", "text", "hint"}
    analysis = Analysis.model_validate_json(json.dumps(first["analysis"]))
    assert analysis.image == "a.png"
    assert set(first["masks"]) == {"lesion", *ATTRIBUTES}
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(first["masks"]["lesion"]))))
    assert set(np.unique(mask)) <= {0, 255}
    assert analysis.segmentation is not None
    assert (mask > 0).mean() == pytest.approx(analysis.segmentation.area_share)


@pytest.mark.parametrize(
    ("verb", "masks", "diagnosed"),
    [
        ("segment", {"lesion"}, False),
        ("attributes", set(ATTRIBUTES), False),
        ("diagnose", set(), True),
    ],
)
def test_a_part_of_the_answer(
    server: Any, draw: Callable[..., bytes], verb: str, masks: set[str], diagnosed: bool
) -> None:
    (result,) = server.post([("a.png", draw())], f"/v1/{verb}").json()["results"]
    assert set(result["masks"]) == masks
    assert (result["analysis"]["diagnosis"] is not None) == diagnosed


def test_names_are_cleaned(server: Any, draw: Callable[..., bytes]) -> None:
    names = ["../../etc/passwd.png", "C:\\x\\y.png", "=cmd().png", "<img src=x onerror=1>.png"]
    results = server.post([(name, draw()) for name in names]).json()["results"]
    shown = ["passwd.png", "y.png", "=cmd().png", "<img src=x onerror=1>.png"]
    assert [one["name"] for one in results] == shown


def test_an_archive_where_one_is_asked_for(server: Any, draw: Callable[..., bytes]) -> None:
    files = [("a b.png", draw(1)), ("../a b.jpg", draw(2)), ("c.png", b"")]
    answer = server.post(files, headers={"Accept": "application/zip"})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
        names = archive.namelist()
        told = json.loads(archive.read("a_b.json"))
        assert told["segmentation"]["file"] in names
        assert archive.read("NOTICE.txt").decode().strip() == NOTICE
        assert json.loads(archive.read("c_error.json"))["error"]["code"]
    assert {"a_b_segmentation.png", "a_b-2_attribute_streaks.png"} <= set(names)
    assert len(set(names)) == len(names)


def test_a_report(server: Any, draw: Callable[..., bytes]) -> None:
    answer = server.post([("a.png", draw()), ("<b>.png", b"none")], "/v1/report")
    assert answer.status == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert NOTICE in answer.body.decode()
    assert "<b>.png" not in answer.body.decode()


def test_facts(server: Any) -> None:
    told = server.get("/v1/models").json()
    assert told["notice"] == NOTICE
    assert told["models"][0]["sha256"] == "0" * 64
    assert server.get("/livez").json() == {"status": "live"}
    assert server.get("/readyz").json() == {"status": "ready"}
    # One may just be replaced.
    server.wait_until(lambda: server.count("nevus_workers") == 2)


def test_nothing_is_logged_or_kept(server: Any, draw: Callable[..., bytes]) -> None:
    good = server.post([(f"{CANARY}.png", draw()), (f"{CANARY}2.png", b"bad")])
    unknown = server.get(f"/{CANARY}")
    raised = server.order("raise", CANARY)
    assert [one.status for one in (good, unknown, raised)] == [200, 404, 500]
    log = server.wait_logged(good, unknown, raised)
    assert CANARY not in log
    assert "POST /v1/analyze 200" in log
    assert "GET - 404" in log
    assert list(server.scratch.iterdir()) == []


def test_a_worker_cannot_write_files(server: Any) -> None:
    path = server.scratch / "leak"
    assert server.order("write", str(path)).code == "defect"
    assert not path.exists() or path.stat().st_size == 0
    path.unlink(missing_ok=True)

"""Requests to the application, in this process; the models are in a worker process."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import metaauto
from metaauto.cli import command
from metaauto.cli.terminal import run

EVIL = "<script>alert(1)</script>"
MAX_BYTES, MAX_ROWS = 2_000_000, 1_000  # of the fixtures
JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"


def encoded(frame, kind):
    if kind == CSV:
        return frame.to_csv(index=False).encode()
    if kind == PARQUET:
        file = io.BytesIO()
        frame.to_parquet(file, index=False)
        return file.getvalue()
    return json.dumps({"records": frame.to_dict("records")}).encode()


def decoded(response):
    kind = response.headers["content-type"].split(";")[0]
    if kind == CSV:
        return pd.read_csv(io.BytesIO(response.content))
    if kind == PARQUET:
        return pd.read_parquet(io.BytesIO(response.content))
    return pd.DataFrame(response.json()["records"])


def post(client, body, kind=JSON, path="/predict", **headers):
    if not isinstance(body, (bytes, str)) and not hasattr(body, "__next__"):
        body = json.dumps(body)
    return client.post(path, content=body, headers={"Content-Type": kind, **headers})


@pytest.mark.parametrize("answer", [JSON, CSV, PARQUET, None])
@pytest.mark.parametrize("kind", [JSON, CSV, PARQUET])
def test_predict_in_each_format(client, table, paths, kind, answer):
    rows = table.drop(columns=["sale", "price"]).head(7)
    headers = {} if answer is None else {"Accept": answer}
    response = post(client, encoded(rows, kind), kind, "/predict?proba=true", **headers)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].split(";")[0] == (answer or kind)
    model, found = metaauto.load(paths["sale"]), decoded(response)
    assert list(found.columns) == ["sale", *model.classes_]
    assert found["sale"].tolist() == model.predict(rows).tolist()
    np.testing.assert_allclose(found[list(model.classes_)], model.predict_proba(rows), atol=1e-12)


def test_predict_answers_as_the_command_line(client, paths, tmp_path, capsys):
    """Unknown categories, other columns and formatted cells are read alike."""
    body = Path(paths["table"]).read_text().replace("north", "moon", 3)
    new = tmp_path / "new.csv"
    new.write_text(body)
    arguments = ["predict", paths["sale"], str(new), "--proba", "--name", "guess"]
    assert run(command, arguments) == 0
    expected = capsys.readouterr().out
    response = post(client, body, CSV, "/predict?proba=true&name=guess")
    assert response.text == expected
    (warning,) = json.loads(response.headers["Metaauto-Warnings"])
    assert "not seen at training" in warning


def test_infinite_cells_are_missing_with_a_warning(client):
    body = json.dumps([ROW]).replace("1.0", "1e999")
    found = post(client, body).json()
    assert found["records"] == post(client, [{**ROW, "size": None}]).json()["records"]
    assert found["warnings"] == ["Column 'size': 1 infinite value treated as missing."]


def test_predict_columns_answers_columns(client, table):
    rows = table.drop(columns=["sale", "price"]).head(3)
    body = {"columns": {name: rows[name].tolist() for name in rows}}
    found = post(client, body, path="/models/price/predict").json()
    assert list(found) == ["columns", "warnings"]
    assert [len(cells) for cells in found["columns"].values()] == [3]


def test_predict_by_the_example_of_openapi(client):
    document = client.get("/openapi.json").json()
    for path in ("/predict", "/models/price/predict"):
        content = document["paths"][path]["post"]["requestBody"]["content"]
        assert set(content) == {JSON, CSV, PARQUET}
        row = content[JSON]["schema"]["oneOf"][0]["properties"]["records"]["items"]
        names = ["size", f"district {EVIL}", "garden", "sold"]
        assert list(row["properties"]) == row["required"] == names
        assert row["properties"]["size"]["type"] == ["number", "string", "null"]
        response = post(client, content[JSON]["example"], path=path)
        assert (response.status_code, response.json()["warnings"]) == (200, [])


def test_model_describes_the_model(client, table):
    found = client.get("/model").json()
    assert (found["task"], found["target"]) == ("binary", "sale")
    assert found["classes"] == ["<b>high</b>", "low"]
    assert found["created"].startswith("20")
    assert 0.5 < found["score"] <= 1.0
    size = next(column for column in found["columns"] if column["name"] == "size")
    assert size["default"] in table["size"].tolist()
    assert client.get("/models/price/model").json()["task"] == "regression"


def test_health(client):
    response = client.get("/health")
    assert (response.status_code, response.json()["status"]) == (200, "ok")


ROW = {"size": 1.0, f"district {EVIL}": "north", "garden": "no", "sold": "2024-01-01"}
DEEP = "[" * 100_000
HUGE = "9" * 5_000
REFUSED = [
    (JSON, "", 400, "empty"),
    (JSON, "{", 400, "not valid JSON"),
    (JSON, b"\xff\xfe{}", 400, "not valid JSON"),
    (JSON, DEEP, 400, "nested too deeply"),
    (JSON, json.dumps([{**ROW, "size": float("nan")}]), 400, "use null"),
    (JSON, json.dumps([ROW]).replace("1.0", "Infinity"), 400, "use null"),
    (JSON, json.dumps([ROW]).replace("1.0", HUGE), 400, "not valid JSON"),
    (JSON, json.dumps([{**ROW, "size": 10**400}]), 400, "64 bits"),
    (JSON, json.dumps([{**ROW, "size": [1]}]), 400, "a list as a cell"),
    (JSON, '[{"size": 1, "size": 2}]', 400, "occurs twice"),
    (JSON, "[]", 400, "no rows"),
    (JSON, "3", 400, "not a table"),
    (JSON, '{"columns": {"a": [1], "b": []}}', 400, "one length"),
    (JSON, '{"columns": {}}', 400, "one length"),
    (JSON, [{"size": 1.0}], 422, "are missing"),
    (JSON, [{**ROW, "size": "many"}], 422, "contained numbers"),
    (JSON, [ROW] * (MAX_ROWS + 1), 413, "1,000 rows, got 1,001"),
    (CSV, b"\x00\x01\x02", 400, ""),
    (CSV, "size,garden\n", 400, "only a header"),
    (CSV, "size,size\n1,2\n", 400, "'size'"),
    (PARQUET, "PAR1 no", 400, "not a valid Parquet file"),
    ("text/plain", "size\n1\n", 415, "expected one of"),
    ("application/x-www-form-urlencoded", "size=1", 415, "expected one of"),
]


@pytest.mark.parametrize(("kind", "body", "status", "why"), REFUSED)
def test_predict_refuses(client, kind, body, status, why):
    response = post(client, body, kind)
    assert (response.status_code, list(response.json())) == (status, ["error"]), response.text
    error = response.json()["error"]
    assert why in error
    assert "Traceback" not in error
    assert "/tmp" not in error


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/predict?probas=1", 400, "probas"),
        ("/predict?proba=perhaps", 400, "query.proba"),
        ("/models/price/predict?proba=true", 422, "regression"),
        ("/predict?proba=true&name=low", 422, "two columns 'low'"),
        ("/models/none/predict", 404, "Not Found"),
        ("/models/..%2f..%2fetc%2fpasswd/predict", 404, "Not Found"),
    ],
)
def test_predict_refuses_options(client, path, status, why):
    response = post(client, [ROW], path=path)
    assert response.status_code == status
    assert why in response.json()["error"]


def test_other_methods_and_types_are_refused(client):
    assert client.get("/predict").status_code == 405
    assert client.get("/../../etc/passwd").json()["error"].startswith("Not Found")
    assert post(client, [ROW], Accept="image/png").status_code == 406
    assert post(client, [ROW], Accept="image/png, */*;q=0.1").status_code == 200


def test_a_parquet_file_that_claims_too_many_rows_is_refused(client):
    frame = pd.DataFrame({"size": np.zeros(MAX_ROWS * 100)})
    response = post(client, encoded(frame, PARQUET), PARQUET)
    assert (response.status_code, "100,000" in response.text) == (413, True)


def test_gzip_bodies_are_limited_after_decompression(client):
    whole = gzip.compress(json.dumps([ROW]).encode())
    zipped = {"Content-Encoding": "gzip"}
    assert post(client, whole, **zipped).status_code == 200
    assert "not one gzip member" in post(client, whole[:-9], **zipped).text
    assert "not one gzip member" in post(client, whole + b"more", **zipped).text
    assert "not valid gzip" in post(client, b"no gzip", **zipped).text
    assert post(client, whole, **{"Content-Encoding": "br"}).status_code == 415
    bomb = gzip.compress(b" " * (50 * MAX_BYTES))
    assert len(bomb) < MAX_BYTES
    assert post(client, bomb, **zipped).status_code == 413


def test_large_bodies_are_refused_with_and_without_a_length(client):
    part = b" " * (MAX_BYTES // 4)
    assert post(client, part * 5).status_code == 413
    response = post(client, iter([part] * 5))
    assert response.status_code == 413
    assert "content-length" not in response.request.headers
    assert "at most 2,000,000 bytes" in response.json()["error"]


def test_a_row_with_many_columns_is_read(client):
    names = [*ROW, *(f"x{i}" for i in range(100_000))]
    cells = [*map(str, ROW.values()), *["1"] * 100_000]
    body = f"{','.join(names)}\n{','.join(cells)}\n"
    assert post(client, body, CSV).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("192.0.2.7:80", 200),
        ("Models.Example", 200),
        ("rebound.example", 400),
        ("127.0.0.1.rebound.example", 400),
        ("", 400),
        ("[::1", 400),
    ],
)
def test_host_is_checked(client, host, status):
    response = client.get("/openapi.json", headers={"Host": host})
    assert response.status_code == status
    assert response.headers["x-content-type-options"] == "nosniff"


def test_posts_of_other_websites_are_refused(client):
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/", data={"c0": "1"}, headers=foreign).status_code == 403
    assert "access-control-allow-origin" not in post(client, [ROW], Origin="http://x").headers


def test_more_requests_than_allowed_are_refused(client):
    service = client.app.state.service

    async def third():
        with service.running(), service.running(), service.running():
            pass

    with pytest.raises(Exception, match="busy with 2 requests") as raised:
        asyncio.run(third())
    assert (raised.value.status_code, raised.value.headers) == (503, {"Retry-After": "1"})
    assert post(client, [ROW]).status_code == 200


def test_a_prediction_that_takes_too_long_is_killed(workers, client, monkeypatch):
    """Another process answers the next request."""
    from metaauto_serve.app import Limits

    service = client.app.state.service
    with monkeypatch.context() as patch:
        patch.setattr(service, "limits", Limits(MAX_BYTES, 0.001, 2))
        response = post(client, [ROW] * MAX_ROWS)
        assert response.status_code in (408, 503)
        patch.setattr(service, "limits", Limits(MAX_BYTES, 0.03, 2))
        response = post(client, [ROW] * MAX_ROWS)
    assert response.status_code == 503
    assert "No answer within" in response.json()["error"]
    assert post(client, [ROW]).status_code == 200
    assert client.get("/health").json()["status"] == "ok"


def test_a_process_that_ends_is_replaced(workers, client):
    (worker,) = workers._all
    worker.process.kill()
    worker.process.wait()
    assert client.get("/health").status_code == 503
    assert post(client, [ROW]).status_code == 200

"""The page of a model."""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd
import pytest
from browser import Browser, find_browser

import metaauto

EVIL = "<script>alert(1)</script>"

FILLED = {"c0": "140", "c1": EVIL, "c2": "no", "c3": "2024-03-01"}


def test_form_has_a_field_per_column(client):
    response = client.get("/")
    page = response.text
    assert response.status_code == 200
    assert re.search(r'id="c0" name="c0" type="number" value="\d+(\.\d)?" step="any"', page)
    assert page.count("<select") == 2
    assert re.search(r'type="date" value="2024-\d\d-\d\d"', page)
    assert page.count("<option") == 2 + 4 + 2


@pytest.mark.parametrize("path", ["/", "/models/sale/", "/models/price/"])
def test_form_shows_prediction_and_explanation(client, path):
    page = client.post(path, data=FILLED).text
    assert "Explanation" in page
    assert len(re.findall(r'<td class="n (?:up|down)?\s*">[+-]\d', page)) == 4
    if path != "/models/price/":
        assert '<p class="headline">&lt;b&gt;high&lt;/b&gt;</p>' in page
        assert page.count("<meter") == 2


def test_page_escapes_names_cells_and_labels(client):
    for page in (client.get("/").text, client.post("/", data=FILLED).text):
        assert "<script" not in page
        assert "<b>high" not in page
        assert "district &lt;script&gt;" in page


def test_page_allows_no_script_and_no_other_server(client):
    response = client.get("/")
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?://|<script|style=", response.text)
    assert client.get("/form.css").headers["content-type"].startswith("text/css")


def test_form_keeps_what_was_entered_wrongly(client):
    response = client.post("/", data={**FILLED, "c0": EVIL})
    assert response.status_code == 422
    assert 'role="alert"' in response.text
    assert "<script" not in response.text
    assert 'value="&lt;script&gt;' in response.text


def test_form_refuses_other_bodies(client):
    assert client.post("/", json=[1]).status_code == 415
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    many = "&".join(f"a{i}=1" for i in range(600))
    assert client.post("/", content=many, headers=form).status_code == 400
    assert client.post("/", content="c0=%ff", headers=form).status_code == 400


def upload(client, content, name="rows.csv", path="/predictions.csv"):
    return client.post(path, files={"table": (name, content)})


@pytest.mark.parametrize("suffix", ["csv", "CSV", "json", "parquet"])
def test_upload_of_a_table_gives_predictions_as_csv(client, table, paths, suffix):
    rows, file = table.drop(columns=["sale", "price"]).head(9), io.BytesIO()
    if suffix == "parquet":
        rows.to_parquet(file)
    elif suffix == "json":
        file.write(rows.to_json(orient="records").encode())
    else:
        file.write(rows.to_csv(index=False).encode())
    response = upload(client, file.getvalue(), f"rows.{suffix}")
    assert response.status_code == 200, response.text
    assert response.headers["content-disposition"] == "attachment; filename=predictions.csv"
    found = pd.read_csv(io.StringIO(response.text))
    model = metaauto.load(paths["sale"])
    assert found["sale"].tolist() == model.predict(rows).tolist()
    np.testing.assert_allclose(found[list(model.classes_)], model.predict_proba(rows), atol=1e-12)


@pytest.mark.parametrize(
    ("content", "name", "status", "why"),
    [
        (b"a\n1\n", "rows.exe", 415, "expected .csv"),
        (b"a\n1\n", f"{EVIL}.txt", 415, "&lt;script&gt;"),
        (b"a\n1\n", "../../etc/rows.csv", 422, "are missing"),
        (b"a\n1\n", "", 400, "No file was chosen"),
        (b"", "rows.csv", 400, ""),
        (b"PAR1 no", "rows.parquet", 400, "not a valid Parquet file"),
        (b"[" * 100_000, "rows.json", 400, "nested too deeply"),
        (b" " * 3_000_000, "rows.csv", 413, "at most 2,000,000 bytes"),
    ],
)
def test_upload_refuses(client, content, name, status, why):
    response = upload(client, content, name)
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("text/html")
    assert 'role="alert"' in response.text
    assert why in response.text
    assert "<script" not in response.text
    assert "/tmp" not in response.text


def test_upload_refuses_other_bodies(client):
    path, form = "/models/price/predictions.csv", {"Content-Type": "multipart/form-data"}
    assert client.post(path, json=[1]).status_code == 415
    page = client.post(path, content=b"x", headers=form)
    assert page.status_code == 400
    assert 'href="../sale/"' in page.text
    cut = {"Content-Type": "multipart/form-data; boundary=b"}
    assert client.post(path, content=b"--b\r\nContent-", headers=cut).status_code == 400
    assert client.post(path, content=b"--c\r\n", headers=cut).status_code == 400
    two = [("table", ("a.csv", b"a")), ("table", ("b.csv", b"a"))]
    assert client.post(path, files=two).status_code == 400
    many = {f"f{i}": "1" for i in range(20)}
    assert client.post(path, data=many, files={"table": ("a.csv", b"a")}).status_code == 400
    foreign = {"Sec-Fetch-Site": "cross-site"}
    files = {"table": ("a.csv", b"a")}
    assert client.post(path, files=files, headers=foreign).status_code == 403


@pytest.mark.slow
def test_form_in_a_browser(served, tmp_path):
    """The page is filled in and sent by Chromium, which applies the policy of the page."""
    browser = Browser(find_browser(), tmp_path)
    try:
        browser.open(served.address)
        assert browser.wait_for("h1") == "Predict sale"
        browser.run("document.querySelector('#c0').value = '160'")
        browser.run("document.querySelector('button').click()")
        assert browser.wait_for(".headline", 200.0) == "<b>high</b>"
        assert browser.wait_for("thead").strip() == "Column\tValue\tContribution"
        assert browser.run("getComputedStyle(document.querySelector('.fields')).display") == "grid"
        assert browser.messages == []  # nothing is refused by the policy or missing
        assert browser.run("[...document.scripts].length") == 0
    finally:
        browser.close()

"""The page of a model."""

from __future__ import annotations

import re

import pytest
from browser import Browser, find_browser

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

"""The page of a model: a form for one row with its explanation, and one for a file of rows."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from fastapi import Request
from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse, Response

from metaauto_serve.body import receive
from metaauto_serve.formats import RequestError
from metaauto_serve.upload import receive_table

if TYPE_CHECKING:
    from fastapi import APIRouter

    from metaauto_serve.app import Service

__all__ = ["add_form"]

MAX_FIELDS = 500
"""Columns up to which there is a form."""
_SELECTED = 100
"""Categories up to which a field is a list to select from, instead of a text with proposals."""
_SHOWN = 12
"""Contributions that are shown at first."""
_FORM = "application/x-www-form-urlencoded"


def add_form(router: APIRouter, service: Service, model: Mapping[str, Any]) -> None:
    """Add the page of a model to its routes.

    The page works without scripts: the form is sent to the server, which renders the result.
    """
    environment = Environment(loader=PackageLoader("metaauto_serve"), autoescape=True)
    template = environment.get_template("form.html")
    style = files("metaauto_serve").joinpath("templates", "form.css").read_text("utf-8")
    fields = _fields(model) if len(model["columns"]) <= MAX_FIELDS else []
    levels = {"/": "models/", f"/models/{model['name']}/": "../"}
    others = [name for name in service.workers.models if name != model["name"]]

    def page(path: str, values: Mapping[str, str], status: int = 200, **shown: Any) -> Response:
        folder = f"{path.rpartition('/')[0]}/"
        links = {name: f"{levels.get(folder, 'models/')}{name}/" for name in others}
        shown = {"links": links, "shown": _SHOWN, **shown}
        text = template.render(model=model, fields=fields, values=values, **shown)
        return HTMLResponse(text, status)

    @router.get("/form.css", include_in_schema=False)
    async def css() -> Response:
        return Response(style, media_type="text/css")

    @router.get("/", include_in_schema=False)
    async def empty(request: Request) -> Response:
        return page(request.url.path, _defaults(fields))

    @router.post("/", include_in_schema=False)
    async def filled(request: Request) -> Response:
        values: dict[str, str] = {}
        try:
            with service.running() as deadline:
                values = await _values(request, service.limits.body, deadline)
                row = {f["name"]: values.get(f["key"]) or None for f in fields}
                order = {"model": model["name"], "rows": [row], "answer": "json", "name": "label",
                         "proba": model["classes"] is not None}  # fmt: skip
                answer = await service.ask({"action": "predict", **order}, deadline)
                found = json.loads(answer.body)["records"][0]
                shown = {"prediction": found.pop("label"), "probabilities": found}
                try:
                    reply = await service.ask({"action": "explain", **order}, deadline)
                    shown["why"] = json.loads(reply.body)
                except RequestError as error:
                    shown["no_explanation"] = str(error)
        except RequestError as error:
            return page(request.url.path, values, error.status, error=str(error))
        shown["cells"] = {f["name"]: values.get(f["key"]) or "missing" for f in fields}
        return page(request.url.path, values, warnings=answer.header["warnings"], **shown)

    @router.post("/predictions.csv", include_in_schema=False)
    async def uploaded(request: Request) -> Response:
        try:
            with service.running() as deadline, tempfile.NamedTemporaryFile() as table:
                kind = await receive_table(request, table, service.limits.body, deadline)
                order = {"model": model["name"], "path": table.name, "format": kind,
                         "answer": "csv", "name": None, "proba": model["classes"] is not None,
                         "action": "predict"}  # fmt: skip
                answer = await service.ask(order, deadline)
        except RequestError as error:
            return page(request.url.path, _defaults(fields), error.status, error=str(error))
        return Response(
            answer.body,
            media_type="text/csv",
            headers={"Content-Disposition": "attachment; filename=predictions.csv"},
        )


async def _values(request: Request, limit: int, deadline: float) -> dict[str, str]:
    """Return the cells of a submitted form."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != _FORM:
        raise RequestError(415, f"Invalid Content-Type {kind!r}: expected {_FORM}.")
    file = io.BytesIO()
    await receive(request, file, limit, deadline)
    try:
        found = parse_qs(file.getvalue().decode(), max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise RequestError(400, f"The body is not a valid form: {error}.") from error
    return {key: cells[0] for key, cells in found.items()}


def _fields(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of the form, with keys of their own: any text may name a column."""
    return [
        {
            "key": f"c{place}",
            "name": column["name"],
            "type": _input_type(column),
            "options": column["categories"] or (),
            "format": column["format"] if column["format"] != "ISO8601" else "",
            "default": _text(column["default"]),
        }
        for place, column in enumerate(model["columns"])
    ]


def _defaults(fields: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {field["key"]: field["default"] for field in fields}


def _input_type(column: Mapping[str, Any]) -> str:
    if column["categories"]:
        return "select" if len(column["categories"]) <= _SELECTED else "datalist"
    if column["role"] == "numeric" and not column["format"]:
        return "number"
    if column["role"] == "datetime" and not column["format"].startswith(("unix", "excel")):
        # ISO 8601, which the field sends, is read whatever the format of the training table was.
        has_time = "%H" in column["format"] or "T" in _text(column["default"])
        return "datetime-local" if has_time else "date"
    return "textarea" if column["role"] == "text" else "text"


def _text(value: Any) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)

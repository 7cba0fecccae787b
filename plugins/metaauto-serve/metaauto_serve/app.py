"""The application: predictions of the models of a server over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from metaauto_serve import __version__
from metaauto_serve.body import receive
from metaauto_serve.description import row_schema
from metaauto_serve.form import add_form
from metaauto_serve.formats import MEDIA_TYPES, RequestError, accepted, format_of
from metaauto_serve.protection import error_response, protect
from metaauto_serve.workers import Answer, WorkerEnded, Workers

__all__ = ["Limits", "Service", "create_app"]

_TYPE_OF = {kind: media_type for media_type, kind in MEDIA_TYPES.items()}
_ERRORS = {
    400: "The body is damaged, not a table, or empty.",
    406: "The answer is not available in an accepted format.",
    408: "The body did not arrive in time.",
    413: "The body, the rows or the memory they need exceed a limit.",
    415: "Unsupported Content-Type or Content-Encoding.",
    422: "The columns do not match those of the model.",
    503: "Too many requests, or the prediction takes too long.",
}


@dataclass(frozen=True)
class Limits:
    """Limits of requests.

    Parameters
    ----------
    body : int
        Bytes of a body, also decompressed.
    seconds : float
        Seconds from the headers of a request to its answer.
    requests : int
        Requests at a time.
    """

    body: int = 64 * 2**20
    seconds: float = 30.0
    requests: int = 16


class PredictOptions(BaseModel):
    """The query of a prediction."""

    model_config = ConfigDict(extra="forbid")
    proba: bool = False
    name: str | None = None


class Service:
    """Answers requests with worker processes, within limits."""

    def __init__(self, workers: Workers, limits: Limits) -> None:
        self.workers, self.limits = workers, limits
        self._running = 0

    @contextlib.contextmanager
    def running(self) -> Iterator[float]:
        """Count a request; yield the time of the event loop at which it must have ended."""
        if self._running >= self.limits.requests:
            raise HTTPException(
                503,
                f"The server is busy with {self._running} requests. Try again later.",
                {"Retry-After": "1"},
            )
        self._running += 1
        try:
            yield asyncio.get_running_loop().time() + self.limits.seconds
        finally:
            self._running -= 1

    async def ask(self, request: Mapping[str, Any], deadline: float) -> Answer:
        """Return the answer of a worker; raise `RequestError` for one that failed."""
        try:
            answer = await self.workers.ask(request, deadline)
        except TimeoutError as error:
            raise RequestError(
                503, f"No answer within {self.limits.seconds:g} s. Send fewer rows at a time."
            ) from error
        except WorkerEnded as error:
            raise RequestError(503, f"No answer: {error}. Send fewer rows at a time.") from error
        if "error" in answer.header:
            raise RequestError(int(answer.header["status"]), str(answer.header["error"]))
        return answer


def create_app(
    workers: Workers, limits: Limits | None = None, hosts: Iterable[str] = ()
) -> FastAPI:
    """Return the application for the models that `workers` hold.

    Parameters
    ----------
    workers : Workers
        The processes; they are closed with the application.
    limits : Limits, optional
        Limits of requests.
    hosts : iterable of str
        Accepted names in the header ``Host``, besides ``localhost`` and addresses.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            workers.close()

    # The pages of FastAPI for /docs load scripts from other servers.
    app = FastAPI(
        title="metaauto",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    protect(app, hosts)
    app.add_exception_handler(RequestError, _request_error)
    app.state.service = service = Service(workers, limits or Limits())
    names = list(workers.models)
    app.include_router(_router(service, names[0], ""))
    if len(names) > 1:
        for name in names:
            app.include_router(_router(service, name, f"/models/{name}"))

    @app.get("/health", summary="Whether the server can predict")
    async def health() -> Response:
        is_alive = service.workers.alive > 0
        found = {"status": "ok" if is_alive else "starting", "models": names}
        return JSONResponse(found, 200 if is_alive else 503)

    return app


async def _request_error(_: Request, error: Any) -> JSONResponse:
    return error_response(error.status, str(error))


def _router(service: Service, name: str, prefix: str) -> APIRouter:
    """Return the routes of one model."""
    router, model = APIRouter(prefix=prefix), service.workers.models[name]

    @router.get("/model", summary=f"Describe the model {name}")
    async def describe() -> JSONResponse:
        return JSONResponse(model)

    @router.post("/predict", summary=f"Predict rows with {name}", openapi_extra=_body(model),
                 responses=_responses(model))  # fmt: skip
    async def predict(request: Request, options: Annotated[PredictOptions, Query()]) -> Response:
        kind = format_of(request.headers.get("content-type"))
        wanted = accepted(request.headers.get("accept"), kind)
        if options.proba and model["classes"] is None:
            raise RequestError(422, "A regression model has no class probabilities: remove proba.")
        with service.running() as deadline, tempfile.NamedTemporaryFile() as file:
            await receive(request, file, service.limits.body, deadline)
            order = {
                "action": "predict",
                "model": name,
                "path": os.path.abspath(file.name),
                "format": kind,
                "answer": wanted,
                "name": options.name,
                "proba": options.proba,
            }
            answer = await service.ask(order, deadline)
        return _response(answer, wanted)

    add_form(router, service, model)
    return router


def _response(answer: Answer, kind: str) -> Response:
    """Return the predictions, with the warnings in JSON or else in a header."""
    warnings, headers, body = answer.header["warnings"], {}, answer.body
    if kind == "json":
        body = body[:-1] + b', "warnings": ' + json.dumps(warnings).encode() + b"}"
    elif warnings:
        headers["Metaauto-Warnings"] = json.dumps(warnings)[:2000]
    return Response(body, headers=headers, media_type=_TYPE_OF[kind])


def _body(model: dict[str, Any]) -> dict[str, Any]:
    """Return the description of the bodies of a prediction for OpenAPI."""
    row = row_schema(model)
    example = {column["name"]: column["example"] for column in model["columns"]}
    columns = {
        column: {"type": "array", "items": cell} for column, cell in row["properties"].items()
    }
    shapes = [
        _object("records", {"type": "array", "items": row}),
        _object("columns", {"type": "object", "properties": columns, "required": row["required"]}),
        {"type": "array", "items": row},
    ]
    content = _content({"oneOf": shapes, "examples": [{"records": [example]}]})
    content["application/json"]["example"] = {"records": [example]}
    return {"requestBody": {"required": True, "content": content}}


def _responses(model: Mapping[str, Any]) -> dict[int | str, dict[str, Any]]:
    labels = model["classes"]
    kind = {"type": "number"} if labels is None else {"enum": labels}
    cells = {model["target"]: kind, **{str(label): {"type": "number"} for label in labels or ()}}
    row = {"type": "object", "properties": cells, "required": [model["target"]]}
    answer = _object("records", {"type": "array", "items": row})
    answer["properties"]["warnings"] = {"type": "array", "items": {"type": "string"}}
    problem = {"application/json": {"schema": _object("error", {"type": "string"})}}
    errors: dict[int | str, dict[str, Any]] = {
        code: {"description": why, "content": problem} for code, why in _ERRORS.items()
    }
    return {200: {"description": "Predictions", "content": _content(answer)}, **errors}


def _object(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def _content(schema: dict[str, Any]) -> dict[str, Any]:
    binary = {"type": "string", "format": "binary"}
    return {
        media_type: {"schema": schema if kind == "json" else binary}
        for media_type, kind in MEDIA_TYPES.items()
    }

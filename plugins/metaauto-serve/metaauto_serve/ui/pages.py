"""The pages: a list of fits, one fit, two side by side, and the report. They only read."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from metaauto_serve.protection import Protection
from metaauto_serve.ui.fits import Fits
from metaauto_serve.ui.folders import Place

__all__ = ["make_app"]

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# The report allows its own script by the hash.
_REPORT_POLICY = re.compile(r'http-equiv="Content-Security-Policy" content="([^"]+)"')
_ASSETS = {
    "report.css": ("metaauto.report", "text/css"),
    "pages.css": ("metaauto_serve.ui", "text/css"),
    "pages.js": ("metaauto_serve.ui", "text/javascript"),
}
_POLL_SECONDS, _IDLE_SECONDS = 2, 10
_MAX_COMPARED = 6


def make_app(folders: Sequence[Path], hosts: Sequence[str] = ()) -> Starlette:
    """Return the application.

    Parameters
    ----------
    folders : sequence of Path
        Folders whose fits are shown.
    hosts : sequence of str
        Accepted names of this server, besides localhost and addresses.
    """
    fits = Fits(folders)

    @asynccontextmanager
    async def close_at_the_end(app: Starlette) -> AsyncIterator[None]:
        yield
        fits.close()

    app = Starlette(
        routes=[
            Route("/", _list),
            Route("/list.json", _list_updates),
            Route("/compare", _compare),
            Route("/fit/{key}", _fit),
            Route("/fit/{key}/updates.json", _fit_updates),
            Route("/fit/{key}/report", _report),
            Route("/assets/{name}", _asset),
        ],
        middleware=[Middleware(Protection, hosts=hosts, policy=_POLICY)],
        exception_handlers={HTTPException: _http_error},
        lifespan=close_at_the_end,
    )
    app.state.fits = fits
    return app


# Starlette runs functions without async in threads, so that waiting for a reader blocks nobody.
def _list(request: Request) -> Response:
    fits: Fits = request.app.state.fits
    return _page("list.html", folders=fits.folders, live=_list_context(fits))


def _list_updates(request: Request) -> Response:
    context = _list_context(request.app.state.fits)
    return _updates(request, "_list.html", context, context["is_changing"])


def _list_context(fits: Fits) -> dict[str, Any]:
    rows = fits.summaries()
    pending = sum(bool(row.get("pending")) for row in rows)
    is_changing = pending > 0 or any(row.get("state") == "running" for row in rows)
    return {"rows": rows, "pending": pending, "is_changing": is_changing}


def _fit(request: Request) -> Response:
    return _page("fit.html", fit=request.app.state.fits.read("details", _place(request)))


def _fit_updates(request: Request) -> Response:
    fit = request.app.state.fits.read("details", _place(request))
    is_running = fit.get("state") == "running"
    return _updates(request, "_fit.html", {"fit": fit}, is_running, **_progress(fit))


def _updates(
    request: Request, template: str, context: dict[str, Any], is_changing: bool, **values: Any
) -> Response:
    """Return when to ask again, and the changed part of a page if it is not the known version."""
    html = _ENVIRONMENT.get_template(template).render(context)
    version = hashlib.blake2b(html.encode("utf-8", "replace"), digest_size=8).hexdigest()
    answer = {"version": version, "seconds": _POLL_SECONDS if is_changing else _IDLE_SECONDS}
    if request.query_params.get("version") != version:
        answer["html"] = html
    return JSONResponse({**answer, **values})


def _compare(request: Request) -> Response:
    fits: Fits = request.app.state.fits
    keys = list(dict.fromkeys(request.query_params.getlist("fit")))
    if not 2 <= len(keys) <= _MAX_COMPARED:
        raise HTTPException(400, f"Choose 2 to {_MAX_COMPARED} fits of the list to compare.")
    return _page("compare.html", found=fits.compare([_known(request, key) for key in keys]))


def _report(request: Request) -> Response:
    found = request.app.state.fits.read("report", _place(request))
    if "problem" in found:
        return _page("problem.html", 422, title=found["name"], problem=found["problem"])
    html = str(found["html"])
    policy = _REPORT_POLICY.search(html)
    allowed = Markup(policy[1]).unescape() if policy else "default-src 'none'"
    # Without an origin, not even a script of the report could read the other pages.
    headers = {"Content-Security-Policy": f"{allowed}; sandbox allow-scripts; base-uri 'none'"}
    return HTMLResponse(html, headers=headers)


def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _ASSETS:
        raise HTTPException(404, "There is no such page.")
    package, kind = _ASSETS[name]
    # The look of the report is a resource of metaauto; importing its code takes a second.
    return Response((files(package) / "templates" / name).read_text("utf-8"), media_type=kind)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _page("problem.html", error.status_code, title="Not shown", problem=error.detail)


def _place(request: Request) -> Place:
    return _known(request, request.path_params["key"])


def _known(request: Request, key: str) -> Place:
    place: Place | None = request.app.state.fits.places().get(key)
    if place is None:
        raise HTTPException(404, "There is no such fit in the folders.")
    return place


def _page(template: str, status: int = 200, **context: Any) -> Response:
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(context), status)


def _progress(fit: dict[str, Any]) -> dict[str, Any]:
    """Return the elapsed time of a running fit, and the finished share of its budget."""
    seconds, budget, limit = fit.get("seconds"), fit.get("budget"), fit.get("trial_limit")
    if fit.get("state") != "running" or seconds is None:
        return {"elapsed": "", "share": 0.0}
    words = f"{_clock(seconds)} of {_clock(budget)}" if budget else _clock(seconds)
    share = seconds / budget if budget else 0.0
    if limit and not budget:
        words += f", {fit['trials']} of {limit} trials"
        share = fit["trials"] / limit
    return {"elapsed": words, "share": min(share, 1.0)}


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _number(value: Any, digits: str = ".5g") -> str:
    return format(value, digits) if isinstance(value, (int, float)) else "-"


def _local_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M")


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.PackageLoader("metaauto_serve.ui"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(number=_number, local_time=_local_time, markup=Markup)
_ENVIRONMENT.globals.update(progress=_progress)

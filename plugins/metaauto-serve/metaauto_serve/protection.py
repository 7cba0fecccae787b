"""What protects a server of this package: checked hosts, headers, and errors without internals."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["CONTENT_SECURITY_POLICY", "Protection", "error_response", "protect"]

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""Allows the style sheet of the server and no script."""


def error_response(status: int, message: str, headers: Any = None) -> JSONResponse:
    """Return ``{"error": message}``."""
    return JSONResponse({"error": message}, status, headers=headers)


def protect(app: FastAPI, hosts: Iterable[str] = (), policy: str = CONTENT_SECURITY_POLICY) -> None:
    """Check the hosts of requests, add security headers, and answer errors as JSON.

    Parameters
    ----------
    app : FastAPI
        The application.
    hosts : iterable of str
        Accepted names in the header ``Host``, besides ``localhost`` and addresses. A web page that
        rebinds its own name to this machine sends that name, so it is refused.
    policy : str
        The header ``Content-Security-Policy``.
    """
    app.add_middleware(Protection, hosts=hosts, policy=policy)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _internal_error)


class Protection:
    """Middleware that checks hosts, and adds the headers that an answer does not have.

    Parameters
    ----------
    app : ASGI application
        The application.
    hosts : iterable of str
        As of `protect`.
    policy : str
        As of `protect`.
    """

    # Starlette's TrustedHostMiddleware takes no addresses at large, and answers in plain text.
    def __init__(self, app: ASGIApp, hosts: Iterable[str], policy: str) -> None:
        self.app = app
        self.hosts = {"localhost", *(host.lower() for host in hosts)}
        self.headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        refused = self._refusal(scope["method"], headers)
        if refused is None:
            await self.app(scope, receive, send_with_headers)
        else:
            await refused(scope, receive, send_with_headers)

    def _refusal(self, method: str, headers: Headers) -> JSONResponse | None:
        if not self._is_known(headers.get("host", "")):
            given = headers.get("host", "")[:100]
            return error_response(400, f"Invalid Host {given!r}. Allow it with --allowed-host.")
        if method not in ("GET", "HEAD") and headers.get("sec-fetch-site") == "cross-site":
            return error_response(403, "Requests from other websites are refused.")
        return None

    def _is_known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
            return name in self.hosts or bool(ipaddress.ip_address(name))
        except ValueError:
            return False


async def _http_error(request: Request, error: Any) -> JSONResponse:
    message = str(error.detail)
    if error.status_code in (404, 405):  # of Starlette itself
        asked = f"{request.method} {request.url.path[:100]}"
        message = f"{message}: {asked}. /openapi.json lists what there is."
    return error_response(error.status_code, message, error.headers)


async def _invalid(_: Request, error: Any) -> JSONResponse:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    return error_response(400, f"Invalid {name}: {first['msg']} (got {first.get('input')!r:.100}).")


async def _internal_error(_: Request, error: Exception) -> JSONResponse:
    return error_response(500, f"{HTTPStatus(500).phrase}: see the log of the server.")

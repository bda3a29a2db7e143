"""Who may look, and what a page may do: the token, the headers, and plain pages for errors."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from flask import Flask, Request, Response, request
from markupsafe import escape
from werkzeug.exceptions import HTTPException

from compute.errors import OntogenyError, RunNotFound

COOKIE_SECONDS = 30 * 24 * 3600

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Ontogeny</title>
<meta name="viewport" content="width=device-width"><body><h1>{title}</h1><p>{text}</p></body></html>
"""


def content_policy(script_hashes: Sequence[str], embed_origins: Sequence[str] = ()) -> str:
    """Return the content security policy: our own scripts only, and those inline ones by hash.

    Plotly writes style elements, so inline styles stay allowed. ``embed_origins`` may show our
    pages in their frames.
    """
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *script_hashes]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": " ".join(["'self'", *embed_origins]),
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def secure(server: Flask, *, policy: str, token: str | None, prefix: str) -> None:
    """Give every answer its headers, ask for the token if there is one, and tell errors plainly."""

    @server.after_request
    def add_headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        if policy.rsplit("; ", 1)[1] == "frame-ancestors 'self'":  # it cannot name other sites
            response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        return response

    @server.errorhandler(HTTPException)
    def tell_http(error: HTTPException) -> Response:
        return plain_page(error.code or 500, error.name, error.description or "")

    @server.errorhandler(OntogenyError)
    def tell_trouble(error: OntogenyError) -> Response:
        if isinstance(error, RunNotFound):
            return plain_page(404, "No such run", escape(str(error)))
        return plain_page(503, "The store cannot be used", escape(str(error)))

    @server.errorhandler(500)
    def tell_failure(error: Exception) -> Response:
        text = "Something went wrong in the server; its log says what. Reload the page."
        return plain_page(500, "This did not work", text)

    if token is not None:
        framed = not policy.endswith("frame-ancestors 'self'")
        server.before_request(_Gate(token, prefix, framed=framed))


class _Gate:
    """Lets those in who brought the token once; after that their cookie speaks for them.

    Parameters
    ----------
    framed
        Whether other sites may show our pages: in their frames, browsers send a cookie only if it
        says so, which it may over https alone.
    """

    def __init__(self, token: str, prefix: str, *, framed: bool) -> None:
        self._token = token
        self._prefix = prefix
        self._framed = framed
        # Two servers on one host share its cookies: each needs a name of its own.
        digest = hashlib.sha256(b"name:" + token.encode()).hexdigest()
        self._cookie = f"ontogeny-{digest[:8]}"
        self._value = hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()

    def __call__(self) -> Response | None:
        given = request.args.get("token")
        if given is not None and hmac.compare_digest(given.encode(), self._token.encode()):
            return self._welcome(request)
        cookie = request.cookies.get(self._cookie, "")
        if given is None and hmac.compare_digest(cookie.encode(), self._value.encode()):
            return None
        return plain_page(
            401,
            "This dashboard asks for its token",
            "Open the link that <code>ontogeny serve</code> printed when it started; "
            "it ends in <code>?token=…</code>",
        )

    def _welcome(self, visit: Request) -> Response:
        """Return the way to the same page without the token in its address."""
        rest = [(k, v) for k, v in visit.args.items(multi=True) if k != "token"]
        query = f"?{urlencode(rest)}" if rest else ""
        response = Response(status=303, headers={"Location": _local(visit.path) + query})
        # A proxy that speaks https says so; who pretends to be one changes their own cookie only.
        forwarded = visit.headers.get("X-Forwarded-Proto", "").partition(",")[0].strip()
        framed = self._framed and (visit.is_secure or forwarded == "https")
        response.set_cookie(
            self._cookie,
            self._value,
            max_age=COOKIE_SECONDS,
            path=self._prefix,
            httponly=True,
            samesite="None" if framed else "Lax",
            secure=visit.is_secure or framed,
            partitioned=framed,
        )
        return response


def plain_page(status: int, title: str, text: str) -> Response:
    """Return a page that needs nothing else to be read; ``text`` may hold our own markup."""
    return Response(_PAGE.format(title=title, text=text), status=status, mimetype="text/html")


def is_own_request(visit: Request, *, guarded: bool) -> bool:
    """Say whether one of our own pages sent this request, and not another site's.

    Without a token the server is for this machine only, so the page must have been reached by a
    name of this machine; another name means that somebody pointed theirs here.
    """
    origin = visit.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc != visit.host:
        return False
    if visit.headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return False
    return guarded or _is_loopback(urlsplit(f"//{visit.host}").hostname or "")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _local(path: str) -> str:
    """Return a path that cannot be read as another host (``//evil.example``)."""
    return "/" + path.lstrip("/\\")

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from compute.store import Store
from dashboard.factory import create_app

TOKEN = "correct horse"


@pytest.fixture
def open_client(store: Store) -> FlaskClient:
    return create_app(store).server.test_client()


@pytest.fixture
def client(store: Store) -> FlaskClient:
    return create_app(store, token=TOKEN).server.test_client()


def test_every_answer_has_the_headers(open_client: FlaskClient) -> None:
    for path in ("/", "/assets/style.css", "/nothing/here.bin", "/api/state/none"):
        headers = open_client.get(path, buffered=True).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "frame-ancestors 'self'" in headers["Content-Security-Policy"]


def test_only_named_sites_may_show_pages_in_a_frame(store: Store, open_client: FlaskClient) -> None:
    assert open_client.get("/").headers["X-Frame-Options"] == "SAMEORIGIN"
    wiki = create_app(store, embed_origins=("https://wiki.example",)).server.test_client()
    headers = wiki.get("/").headers
    assert "frame-ancestors 'self' https://wiki.example" in headers["Content-Security-Policy"]
    assert "X-Frame-Options" not in headers


def test_inline_scripts_are_allowed_by_hash_only(open_client: FlaskClient) -> None:
    page = open_client.get("/")
    rule = re.search(r"script-src ([^;]+)", page.headers["Content-Security-Policy"])
    assert rule is not None
    assert "unsafe" not in rule[1]
    inline = re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*json)[^>]*>", page.text)
    assert len(inline) == rule[1].count("sha256-")


def test_no_page_asks_another_host(open_client: FlaskClient) -> None:
    text = open_client.get("/").text
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", text)


def test_modules_are_served_as_scripts(open_client: FlaskClient) -> None:
    answer = open_client.get("/assets/modules/graph.mjs", buffered=True)
    assert answer.mimetype == "text/javascript"


@pytest.mark.parametrize(
    "path", ["/", "/api/state/x", "/data/x/0.bin", "/_dash-layout", "/assets/style.css"]
)
def test_without_the_token_nothing_is_given(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert "?token=" in answer.text
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("token", ["wrong", "", "correct horse ", "ünïcode"])
def test_a_wrong_token_is_refused(client: FlaskClient, token: str) -> None:
    assert client.get("/", query_string={"token": token}).status_code == 401


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_address(client: FlaskClient) -> None:
    answer = client.get("/", query_string={"token": TOKEN, "run": "a b"})
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/?run=a+b"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert TOKEN not in cookie
    assert client.get("/").status_code == 200


@pytest.mark.parametrize(
    ("scheme", "origins", "policy"),
    [
        (
            "https",
            ("https://wiki.example",),
            "Secure; HttpOnly; Path=/; SameSite=None; Partitioned",
        ),
        ("http", ("https://wiki.example",), "HttpOnly; Path=/; SameSite=Lax"),
        ("https", (), "HttpOnly; Path=/; SameSite=Lax"),
    ],
)
def test_over_https_the_cookie_is_sent_in_frames_of_named_sites(
    store: Store, scheme: str, origins: tuple[str, ...], policy: str
) -> None:
    client = create_app(store, token=TOKEN, embed_origins=origins).server.test_client()
    headers = {"X-Forwarded-Proto": scheme}
    answer = client.get("/", query_string={"token": TOKEN}, headers=headers)
    assert answer.headers["Set-Cookie"].endswith(policy)


def test_the_way_back_stays_on_this_host(client: FlaskClient) -> None:
    there = {"PATH_INFO": "//evil.example/x"}
    answer = client.get("/", query_string={"token": TOKEN}, environ_overrides=there)
    assert answer.headers["Location"] == "/evil.example/x"


def test_a_forged_cookie_is_refused(client: FlaskClient) -> None:
    client.get("/", query_string={"token": TOKEN})
    (cookie,) = client._cookies.values()  # type: ignore[attr-defined]
    client.set_cookie(cookie.key, "0" * 64)
    assert client.get("/").status_code == 401


def test_a_missing_page_is_told_plainly(open_client: FlaskClient) -> None:
    answer = open_client.get("/data/none/0.bin")
    assert answer.status_code == 404
    assert "Traceback" not in answer.text


def test_a_failure_is_told_without_a_trace(store: Store) -> None:
    app = create_app(store)

    @app.server.get("/broken")
    def broken() -> str:
        raise RuntimeError("secret detail")

    answer = app.server.test_client().get("/broken")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text

from __future__ import annotations

import base64
import dataclasses
import html as text_of
import json
import re

import pytest
from dash import dcc, html

from compute.store import Store
from dashboard.factory import ASSETS, PAGES, create_app
from dashboard.markup import markup
from dashboard.modules import reachable
from dashboard.panels import TABLES, behind
from tests.dashboard import synthetic


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("saved") / "store")
    synthetic.fill(store, synthetic.language_run(checkpoints=6))
    yield create_app(store, path_prefix="/lab/").server.test_client()
    store.close()


def test_a_layout_is_written_as_html():
    layout = html.Div(
        [
            html.P(["a & b", None, html.Br()], className="quiet", hidden=True, title='say "x"'),
            html.Div(style={"marginTop": "2px"}, **{"data-run": "r", "aria-label": "l"}),
            dcc.Graph(id="curves"),
        ]
    )
    assert markup(layout) == (
        '<div><p class="quiet" hidden title="say &#34;x&#34;">a &amp; b<br></p>'
        '<div aria-label="l" data-run="r" style="margin-top:2px"></div>'
        '<div id="curves"></div></div>'
    )


def test_a_file_holds_every_module_that_its_page_imports_and_names_no_other(client):
    response = client.get("/lab/export/stdlib_lm/page.html?path=/lab/&run=stdlib_lm")
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment")
    page = response.get_data(as_text=True)
    found = re.search(r'<script type="importmap">(.*?)</script>', page)
    assert found is not None
    modules = {
        name: base64.b64decode(address.partition(",")[2]).decode()
        for name, address in json.loads(found[1])["imports"].items()
    }
    assert {"ontogeny/saved.mjs", "ontogeny/development.mjs", "ontogeny/graph.mjs"} <= set(modules)
    for name, source in modules.items():
        for wanted in re.findall(r"""(?:from|import)\s*\(?\s*["']([^"']+)["']""", source):
            assert wanted in modules or wanted == "ontogeny/page_file.mjs", (name, wanted)
    assert "connect-src 'none'" in text_of.unescape(page)
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    assert 'data-payload="/lab/data/stdlib_lm/' in page
    assert "ONTOGENY-ORIGIN" in page
    assert "needs a server" not in page


def test_a_file_is_of_the_run_that_its_address_names(client, tmp_path):
    store = Store(tmp_path / "store")
    for name in ("stdlib_lm", "other"):
        synthetic.fill(store, dataclasses.replace(synthetic.language_run(checkpoints=3), name=name))
    there = create_app(store).server.test_client()
    for rest in ("", "&run=stdlib_lm"):
        page = there.get(f"/export/other/page.html?path=/network{rest}").get_data(as_text=True)
        assert 'data-payload="/data/other/' in page
    store.close()


def test_a_file_says_which_panel_it_lacks(client):
    response = client.get("/lab/export/stdlib_lm/page.html?path=/lab/network&run=stdlib_lm")
    page = response.get_data(as_text=True)
    assert "Left out, since it needs a server: Rank table." in page
    assert re.search(r'<section[^>]*aria-label="Rank table"[^>]* hidden>', page)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if p.PATH not in ("/jobs", "/guide", "/calibration", "/runs")]
)
def test_every_page_that_the_slider_moves_has_a_file(client, page):
    path = f"/lab{page.PATH}"
    response = client.get(f"/lab/export/stdlib_lm/page.html?path={path}&run=stdlib_lm")
    assert response.status_code == 200
    assert f"<title>{page.TITLE} · Ontogeny</title>" in response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("stdlib_lm/page.html?path=/lab/nowhere", "no such page"),
        ("stdlib_lm/page.html?path=/lab/jobs&run=stdlib_lm", "no data of its own"),
        ("nobody/page.html?path=/lab/", "No such run"),
    ],
)
def test_what_cannot_be_saved_is_said(client, address, words):
    response = client.get(f"/lab/export/{address}")
    assert response.status_code == 404
    assert words in response.get_data(as_text=True)


def test_every_page_has_a_module_of_its_name():
    for name in ("development", "network", "across"):
        assert f"export async function mount{name.capitalize()}" in "".join(
            s for s in reachable(ASSETS / "modules", [f"{name}.mjs"]).values()
        ).replace("export function", "export async function")


def test_panels_name_the_tables_behind_them():
    assert behind("development", "graph") == {"data-table": "edges"}
    assert behind("across", "across-turns") == {}
    assert all(table for tables in TABLES.values() for table in tables.values())

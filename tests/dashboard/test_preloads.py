from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from plotly.offline import get_plotlyjs_version

from compute.store import Store
from dashboard.factory import PAGES, create_app
from dashboard.modules import reachable
from dashboard.shell import Page

ASSETS = Path(__file__).parents[2] / "assets"
ENTRY = (ASSETS / "ontogeny.mjs").read_text("utf-8")


@pytest.fixture
def visitor(tmp_path: Path) -> Iterator[FlaskClient]:
    store = Store(tmp_path / "store")
    yield create_app(store, path_prefix="/lab/").server.test_client()
    store.close()


def modules_of(document: str) -> set[str]:
    return set(re.findall(r'rel="modulepreload" href="/lab/assets/modules/(\w+\.mjs)"', document))


def entry_of(page: Page) -> str:
    return f"{page.PATH.strip('/') or 'development'}.mjs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.TITLE)
def test_a_document_names_what_its_page_imports_and_no_other_pages(
    visitor: FlaskClient, page: Page
) -> None:
    named = modules_of(visitor.get(f"/lab{page.PATH}").text)
    entry = entry_of(page)
    assert entry in named
    assert named & {entry_of(each) for each in PAGES} == {entry}
    assert set(re.findall(r'from "\./modules/(\w+\.mjs)"', ENTRY)) <= named
    assert set(reachable(ASSETS / "modules", [entry], later=False)) <= named
    assert all((ASSETS / "modules" / name).is_file() for name in named)


def test_the_entry_knows_the_module_of_every_page() -> None:
    fetched = set(re.findall(r'import\("\./modules/(\w+\.mjs)"\)', ENTRY))
    assert fetched == {entry_of(page) for page in PAGES}


def test_what_is_imported_later_is_not_fetched_at_once() -> None:
    at_once = reachable(ASSETS / "modules", ["figure_menu.mjs"], later=False)
    assert "figure_files.mjs" not in at_once
    assert "figure_files.mjs" in reachable(ASSETS / "modules", ["figure_menu.mjs"])


def test_the_grid_comes_with_the_page_that_has_one_only(visitor: FlaskClient) -> None:
    assert "/dash_ag_grid/" in visitor.get("/lab/network").text
    for path in ("/lab/", "/lab/guide", "/lab/compare"):
        document = visitor.get(path).text
        assert "/dash_ag_grid/" not in document
        assert "/dash-renderer/" in document


def test_curves_are_drawn_by_the_bundle_of_the_installed_plotly(visitor: FlaskClient) -> None:
    with visitor.get("/lab/assets/vendor/plotly-basic.min.js") as answer:
        head = answer.text[:200]
    assert f"(basic - minified) v{get_plotlyjs_version()}" in head
    assert "MIT license" in head
    assert re.search(r'src="[^"]*/plotly', visitor.get("/lab/").text) is None


@pytest.mark.parametrize("path", ["nowhere", "payload", "saved"])
def test_an_address_without_a_page_has_a_document(visitor: FlaskClient, path: str) -> None:
    assert modules_of(visitor.get(f"/lab/{path}").text) == set()

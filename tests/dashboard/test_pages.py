from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from dash import Dash

from compute.errors import StoreError
from compute.jobs import Jobs
from compute.runs import Run
from compute.store import Store
from dashboard import ids
from dashboard.context import Context
from dashboard.factory import PAGES, create_app, show_page
from dashboard.library import Library
from dashboard.pages.development import chosen_lanes, draw_lanes
from dashboard.payloads import Payloads
from dashboard.selection import view_from_json
from tests.dashboard import more_graphs, synthetic

RUN = synthetic.language_run(checkpoints=8)


def context_of(store: Store) -> Context:
    library = Library(store)
    return Context(library, Payloads(library, "/"), Jobs(store), "/")


def said(page: Any) -> str:
    """Everything a page holds, as one string."""
    return json.dumps(page, default=lambda c: c.to_plotly_json(), ensure_ascii=False)


@pytest.mark.parametrize("path", [page.PATH for page in PAGES])
def test_every_page_opens_on_an_empty_store(store: Store, path: str) -> None:
    assert said(show_page(context_of(store), path, ""))


def test_an_empty_store_says_how_to_add_a_run(store: Store) -> None:
    text = said(show_page(context_of(store), "/", ""))
    assert "ontogeny add FOLDER" in text
    assert "ontogeny train stdlib_lm" in text


def test_an_unknown_run_is_named_and_the_known_ones_are_offered(store: Store) -> None:
    store.put_run(RUN)
    text = said(show_page(context_of(store), "/", "?run=other"))
    assert "No run named “other”" in text
    assert f"/?run={RUN.name}" in text


def test_an_unknown_address_leads_back(store: Store) -> None:
    assert "No such page" in said(show_page(context_of(store), "/nowhere", ""))


def test_a_store_in_trouble_gives_its_reason_not_a_trace(store: Store) -> None:
    class Broken(Store):
        def runs(self) -> list[Run]:
            raise StoreError("the disk of the store is gone; plug it in again")

    context = context_of(Broken(store.folder))
    text = said(show_page(context, "/", ""))
    assert "plug it in again" in text
    assert "Traceback" not in text


def test_a_page_names_the_address_of_its_data(store: Store) -> None:
    synthetic.fill(store, RUN)
    context = context_of(store)
    text = said(show_page(context, "/", f"?run={RUN.name}"))
    assert context.payloads.address(RUN.name) in text


@pytest.mark.parametrize("compact", [False, True])
def test_a_view_is_drawn_with_the_selected_components_curves(store: Store, compact: bool) -> None:
    synthetic.fill(store, RUN)
    view = view_from_json(
        {
            "run": RUN.name, "graph": "text.zero", "lanes": ["llc", "induction"],
            "compact": compact, "metric": "out_strength", "component": "L2H3",
        }
    )  # fmt: skip
    assert view is not None
    context = context_of(store)
    lanes = chosen_lanes(context.library.development(RUN.name), view)
    assert [lane.curve.id for lane in lanes] == ["llc", "induction", "component"]
    assert lanes[1].selected is not None
    assert lanes[1].selected.component == "L2H3"
    figure = draw_lanes(context, view)
    assert [lane["id"] for lane in figure.layout.meta["lanes"]] == ["llc", "induction", "component"]


def test_a_part_of_a_head_is_drawn_with_its_heads_behaviour(store: Store) -> None:
    synthetic.fill(store, RUN)
    more_graphs.fill_settings(store, RUN, [more_graphs.HOOKS])
    view = view_from_json(
        {
            "run": RUN.name, "graph": "text.zero.hooks", "lanes": ["induction"],
            "metric": "in_strength", "component": "L2H3Z",
        }
    )  # fmt: skip
    assert view is not None
    lanes = chosen_lanes(context_of(store).library.development(RUN.name), view)
    assert [lane.curve.id for lane in lanes] == ["induction", "component"]
    assert lanes[0].selected is not None
    assert lanes[0].selected.component == "L2H3"
    assert lanes[1].curve.component == "L2H3Z"


def test_a_component_without_that_behaviour_has_no_second_line(store: Store) -> None:
    synthetic.fill(store, RUN)
    view = view_from_json(
        {
            "run": RUN.name,
            "graph": "text.zero",
            "lanes": ["induction", "nonsense"],
            "component": "EMB",
        }
    )
    assert view is not None
    lanes = chosen_lanes(context_of(store).library.development(RUN.name), view)
    assert [lane.curve.id for lane in lanes] == ["induction"]
    assert lanes[0].selected is None


def test_layouts_hold_no_store_and_no_run(store: Store) -> None:
    synthetic.fill(store, RUN)
    app = create_app(store)
    assert isinstance(app, Dash)
    text = said(app.layout)
    assert ids.PAGE in text
    assert RUN.name not in text


def test_the_app_answers_under_a_prefix(store: Store) -> None:
    synthetic.fill(store, RUN)
    client = create_app(store, path_prefix="/lab/").server.test_client()
    page = client.get("/lab/")
    assert page.status_code == 200
    assert "/lab/assets/ontogeny.mjs" in page.text
    assert "/lab/assets/modules/scheme.js" in page.text
    state = client.get(f"/lab/api/state/{RUN.name}").json
    assert client.get(state["payload"]).status_code == 200


def test_the_web_process_never_imports_the_computing_libraries() -> None:
    program = (
        "import sys, dashboard.factory\n"
        "heavy = {'torch', 'transformers', 'transformer_lens', 'dask', 'distributed'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"

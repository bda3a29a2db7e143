from __future__ import annotations

import json

import pytest
from dash import no_update

from compute.jobs import Jobs
from compute.store import Store
from dashboard.arrays import decode
from dashboard.context import Context
from dashboard.factory import create_app
from dashboard.files import FOREVER
from dashboard.library import Library
from dashboard.pages.network import fill_table, layout
from dashboard.payloads import Payloads
from tests.dashboard import synthetic

RUN = synthetic.language_run(checkpoints=6)
VIEW = {"run": RUN.name, "graph": "text.zero", "metric": "in_strength", "step": RUN.steps[2]}


@pytest.fixture
def context(store: Store) -> Context:
    synthetic.fill(store, RUN)
    library = Library(store)
    return Context(library, Payloads(library, "/"), Jobs(store), "/")


def test_the_table_shows_the_step_and_the_ranking_that_were_asked_for(context: Context) -> None:
    rows, columns, shown = fill_table(context, VIEW)
    assert shown == f"step {RUN.steps[2]:,}"
    assert {row["step"] for row in rows} == {RUN.steps[2]}
    values = [row["in_strength"] for row in rows]
    assert values == sorted(values, reverse=True)
    assert columns[1]["headerName"] == "rank by in-strength"


@pytest.mark.parametrize(
    "other",
    [
        {"run": "gone"}, {"run": "../etc"}, {"run": None}, {"graph": "text.other"},
        {"step": 12345678}, {"step": "12"}, {"step": None},
    ],
)  # fmt: skip
def test_what_is_not_there_changes_nothing(context: Context, other: dict[str, object]) -> None:
    assert fill_table(context, VIEW | other) is no_update


def test_the_page_names_the_data_of_its_run(context: Context) -> None:
    text = json.dumps(layout(context, f"?run={RUN.name}"), default=lambda c: c.to_plotly_json())
    assert context.payloads.address(RUN.name) in text
    assert '"data-page": "network"' in text


def test_the_table_runs_no_code_that_a_page_could_bring(context: Context) -> None:
    text = json.dumps(layout(context, ""), default=lambda c: c.to_plotly_json())
    assert "dangerously_allow_code" not in text


def test_a_structure_is_served_for_ever_under_its_digest(store: Store) -> None:
    synthetic.fill(store, RUN)
    client = create_app(store).server.test_client()
    payload = client.get(f"/api/state/{RUN.name}").get_json()["payload"]
    answer = client.get(payload.replace(".bin", "/text.zero.bin"))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == FOREVER
    assert decode(answer.data)[0]["layers"]["names"][-1] == "LOGITS"
    assert client.get(payload.replace(".bin", "/none.bin")).status_code == 404
    assert client.get(f"/data/{RUN.name}/{'0' * 64}/text.zero.bin").status_code == 404
    assert client.get(f"/data/none/{'0' * 64}/text.zero.bin").status_code == 404

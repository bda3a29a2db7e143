"""Exported tables and graphs: read back by other programs, with the numbers of the pages."""

from __future__ import annotations

import csv
import io
import json

import networkx as nx
import numpy as np
import ontogeny
import pandas as pd
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient

from compute.store import Store
from dashboard import export_api
from dashboard.factory import create_app
from dashboard.library import Library
from dashboard.pages.guide import guide_text
from dashboard.tables import asked
from dashboard.tables.registry import TABLES
from tests.dashboard import synthetic

RUN = synthetic.language_run(checkpoints=8)
STEP = RUN.steps[5]
PLACE = f"/export/{RUN.name}"
# Phases need more checkpoints, coincidences more time, than this run has.
CHEAP = sorted(set(TABLES) - {"phases", "coincidence"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("export") / "store"
    store = Store(place)
    synthetic.fill(store, RUN, missing=(("graph", 2), ("network", 2), ("llc", 3)))
    synthetic.fail(store, RUN, 3, "llc", 'it said: "no", then stopped')
    store.close()
    return place


@pytest.fixture(scope="module")
def opened(folder):
    store = Store(folder)
    yield store
    store.close()


@pytest.fixture(scope="module")
def client(opened) -> FlaskClient:
    return create_app(opened).server.test_client()


@pytest.fixture(scope="module")
def run(folder):
    with ontogeny.open_store(folder) as store:
        yield store.run(RUN.name)


@pytest.fixture(scope="module")
def menu(client) -> dict:
    return client.get(f"{PLACE}/tables.json?graph=text.zero&step={STEP}&theme=dark").json


def test_the_three_formats_of_every_table_hold_the_same(client, menu, run):
    had = {entry["id"] for entry in menu["tables"] if not entry["reason"]} & set(CHEAP)
    assert {"curves", "ranks", "edges", "matrix", "metrics", "draws", "verdicts"} <= had
    for entry in menu["tables"]:
        if entry["id"] not in had:
            continue
        got = {form: client.get(address) for form, address in entry["files"].items()}
        assert {answer.status_code for answer in got.values()} == {200}
        told = json.loads(got["json"].data)
        names = [column["name"] for column in told["columns"]]
        rows = list(csv.reader(io.StringIO(got["csv"].text)))
        assert rows[0] == names
        assert len(rows) - 1 == len(told["rows"])
        parquet = pq.read_table(io.BytesIO(got["parquet"].data))
        assert parquet.column_names == names
        assert parquet.to_pylist() == told["rows"]
        for row, cells in zip(told["rows"], rows[1:], strict=True):
            for value, text in zip(row.values(), cells, strict=True):
                number = isinstance(value, float)
                assert (float(text) if number and text else text) == (
                    value if number else written(value)
                )


def written(value) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_every_table_has_the_columns_that_it_promises(client, menu):
    for entry in menu["tables"]:
        if entry["reason"] or entry["id"] not in CHEAP or entry["id"] == "matrix":
            continue
        promised = [column["name"] for column in entry["columns"]]
        assert client.get(entry["files"]["json"]).json["columns"] == entry["columns"]
        assert len(set(promised)) == len(promised)
        assert all(column["meaning"] for column in entry["columns"])


@pytest.mark.parametrize(
    ("table", "query"),
    [
        ("edges", f"graph=unigram.zero&step={STEP}&threshold=0.1&top=20"),
        ("curves", "curves=llc,loss,graph.density&graph=uniform.zero"),
        ("ranks", f"metric=spreader_z&step={STEP}"),
        ("metrics", f"metrics=pagerank&components=L1H2,L2H3&steps={STEP},{RUN.steps[0]}"),
        ("verdicts", ""),
    ],
)
def test_the_code_that_is_told_gets_what_the_address_gives(client, table, query):
    code = client.get(f"{PLACE}/{table}.py?{query}&run={RUN.name}&lanes=llc")
    assert code.mimetype == "text/plain"
    names: dict = {}
    exec(compile(code.text, "told", "exec"), names)
    names["store"].close()
    exported = pd.DataFrame(client.get(f"{PLACE}/{table}.json?{query}").json["rows"])
    pd.testing.assert_frame_equal(names[table], exported, check_dtype=False, check_exact=True)


def test_the_code_of_a_graph_gets_the_graph(client):
    query = f"step={STEP}&threshold=0.1"
    names: dict = {}
    exec(compile(client.get(f"{PLACE}/graph.py?{query}").text, "told", "exec"), names)
    names["store"].close()
    told = client.get(f"{PLACE}/graph.json?{query}").json
    assert nx.utils.graphs_equal(names["graph"], nx.node_link_graph(told, edges="edges"))


def test_code_cannot_be_smuggled_in(client):
    told = client.get(f'{PLACE}/edges.py?graph=x")%0Aimport os%0A(&threshold=nan').text
    assert len(told.splitlines()) == 5
    compile(told, "told", "exec")
    assert 'threshold="nan"' in told


@pytest.mark.parametrize("form", ["graphml", "gexf", "json"])
def test_a_graph_is_read_back_with_the_same_weights(client, run, form):
    answer = client.get(f"{PLACE}/graph.{form}?graph=unigram.zero&step={STEP}&top=40")
    read = {
        "graphml": lambda data: nx.read_graphml(io.BytesIO(data)),
        "gexf": lambda data: nx.read_gexf(io.BytesIO(data)),
        "json": lambda data: nx.node_link_graph(json.loads(data), edges="edges"),
    }
    found, own = read[form](answer.data), run.graph(STEP, graph="unigram.zero", top=40)
    assert isinstance(found, nx.DiGraph)
    assert set(found) == set(own)
    assert found.number_of_edges() == own.number_of_edges() == 40
    for source, target, told in own.edges(data=True):
        got = found.edges[source, target]
        assert {key: got[key] for key in told} == told
    for name, told in own.nodes(data=True):
        assert {key: found.nodes[name][key] for key in told} == told
        assert {"layer", "kind", "out_strength", "spreader_z", "loss_change"} <= set(told) or (
            name in ("EMB", "LOGITS")
        )
    if form == "gexf":
        # networkx reads no attributes of a GEXF graph: they are in its description.
        assert f'"step": {STEP}'.encode() in answer.data.replace(b"&quot;", b'"')
    else:
        assert {k: v for k, v in found.graph.items() if "default" not in k} == own.graph


def test_the_same_graph_is_the_same_file(client):
    one, other = (client.get(f"{PLACE}/graph.gexf?step={STEP}").data for _ in range(2))
    assert one == other


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (f"edges.csv?step={STEP}&threshold=0.1", f"stdlib_lm-step{STEP}-edges.csv"),
        ("edges.json?graph=unigram.zero", f"stdlib_lm-unigram.zero-step{RUN.steps[-1]}-edges.json"),
        ("curves.csv?curves=llc,loss", "stdlib_lm-llc_loss-curves.csv"),
        (f"ranks.parquet?step={STEP}&metric=katz", f"stdlib_lm-step{STEP}-katz-ranks.parquet"),
        (f"graph.graphml?step={STEP}", f"stdlib_lm-step{STEP}-graph.graphml"),
    ],
)
def test_files_say_in_their_name_what_they_are_of(client, address, name):
    told = client.get(f"{PLACE}/{address}").headers["Content-Disposition"]
    assert sorted(told.split('"')[1].split("-")) == sorted(name.split("-"))
    assert told.startswith("attachment; ")


def test_provenance_goes_with_every_format(client):
    answer = client.get(f"{PLACE}/edges.csv?step={STEP}")
    assert answer.headers["Link"].startswith(f'<{PLACE}/tables.json>; rel="describedby"')
    assert not answer.text.startswith("#")
    told = client.get(f"{PLACE}/edges.json?step={STEP}").json["about"]
    assert (told["run"], told["step"], told["graph"]) == (RUN.name, STEP, "text.zero")
    assert told["settings"] == "16 prompts, zero ablation"
    parquet = pq.read_table(io.BytesIO(client.get(f"{PLACE}/edges.parquet?step={STEP}").data))
    assert json.loads(parquet.schema.metadata[b"ontogeny"]) == told
    assert json.loads(parquet.schema.field("weight").metadata[b"ontogeny"])["unit"]


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("edges.csv?step=7777777", 404, "no checkpoint at step 7,777,777; the nearest are"),
        ("edges.csv?step=-1", 400, "not a whole number"),
        ("edges.csv?threshold=much", 400, "not a number"),
        ("edges.csv?top=0", 400, "no number of edges"),
        ("edges.csv?graph=text.mean", 404, "did you mean text.zero"),
        (f"edges.csv?step={RUN.steps[2]}", 404, "is not measured at step"),
        ("curves.csv?curves=llc,lcc", 404, "did you mean llc"),
        ("metrics.csv?components=L1H2,L9H9", 404, "no component"),
        ("refined.csv", 404, "ontogeny compute stdlib_lm --kinds refined"),
        ("attention.json", 404, "is measured at no step"),
        ("edgs.csv", 404, "did you mean edges"),
        ("edgs.py", 404, "did you mean edges"),
        ("edges.xlsx", 404, "Tables end in .csv, .json, .parquet or .py"),
        ("graph.png", 404, "graphs in .graphml, .gexf, .json"),
        ("curves.csv?curves=%3Cscript%3E", 404, "&lt;script&gt;"),
    ],
)
def test_refusals_are_pages_in_words(client, address, status, words):
    answer = client.get(f"{PLACE}/{address}")
    assert answer.status_code == status
    assert words in answer.text
    assert "Traceback" not in answer.text
    assert "<script>" not in answer.text
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("address", ["tables.json", "edges.csv", "graph.gexf", "edges.py", "x.y"])
def test_a_run_that_is_not_there_is_not_found(client, address):
    answer = client.get(f"/export/nobody/{address}")
    assert answer.status_code == 404
    assert "no run named" in answer.text


def test_a_table_has_a_size_that_can_be_served(client, monkeypatch):
    monkeypatch.setattr(asked, "MOST_ROWS", 100)
    answer = client.get(f"{PLACE}/metrics.csv")
    assert answer.status_code == 413
    assert "more than 100" in answer.text
    assert client.get(f"{PLACE}/metrics.csv?metrics=katz&steps={STEP}").status_code == 200


def test_all_works_behind_a_token_and_below_a_path(opened):
    client = create_app(opened, token="correct horse", path_prefix="/lab/").server.test_client()
    place = f"/lab{PLACE}"
    for address in ("tables.json", "edges.csv", "graph.gexf", "edges.py"):
        assert client.get(f"{place}/{address}").status_code == 401
    assert client.get("/lab/?token=correct%20horse").status_code == 303
    told = client.get(f"{place}/tables.json?step={STEP}").json
    for entry in told["tables"][:3]:
        assert entry["files"]["csv"].startswith(f"{place}/{entry['id']}.csv")
        assert client.get(entry["files"]["csv"]).status_code == 200
    # Visitors may come from elsewhere: where the folder is on this machine is not theirs to know.
    assert 'open_store("store")' in told["tables"][0]["code"]
    assert str(opened.folder.parent) not in json.dumps(told)


def test_the_menu_has_addresses_for_the_view_of_a_page(menu):
    assert menu["steps"] == list(RUN.steps)
    edges = next(entry for entry in menu["tables"] if entry["id"] == "edges")
    assert edges["files"]["csv"] == f"{PLACE}/edges.csv?graph=text.zero&step={STEP}"
    assert edges["reason"] == ""
    curves = next(entry for entry in menu["tables"] if entry["id"] == "curves")
    assert "step=" not in curves["files"]["csv"]
    refined = next(entry for entry in menu["tables"] if entry["id"] == "refined")
    assert "--kinds refined" in refined["reason"]
    assert set(menu["graphs"]["files"]) == {"graphml", "gexf", "json"}


def test_an_empty_store_and_a_run_without_records_are_told(store: Store):
    store.put_run(RUN)
    client = create_app(store).server.test_client()
    told = client.get(f"{PLACE}/tables.json").json
    assert all(e["reason"] for e in told["tables"] if e["id"] in ("edges", "ranks", "refined"))
    assert "ontogeny compute" in client.get(f"{PLACE}/edges.csv").text
    curves = client.get(f"{PLACE}/curves.csv?curves=llc").text.splitlines()
    assert len(curves) == 1 + len(RUN.steps)
    assert all(",missing," in line for line in curves[1:])


def test_numbers_are_those_of_the_records(client, opened):
    series = Library(opened).development(RUN.name).graphs["text.zero"]
    rows = client.get(f"{PLACE}/edges.json?step={STEP}").json["rows"]
    weight = series.edges.weight[5]
    assert np.array([row["weight"] for row in rows], np.float32) == pytest.approx(
        np.sort(weight[np.isfinite(weight)])[::-1], rel=0
    )


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_table_is_in_the_guide_and_in_the_list_of_addresses(table):
    kind = TABLES[table]
    line = next(line for line in guide_text().splitlines() if line.startswith(f"- `{table}`: "))
    assert kind.meaning in line
    documented = (export_api.__doc__ or "").partition("table           reads")[2].splitlines()
    at = next(i for i, line in enumerate(documented) if line.startswith(f"{table} "))
    assert all(key in " ".join(documented[at : at + 2]) for key in kind.reads)

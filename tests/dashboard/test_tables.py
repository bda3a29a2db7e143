"""What tables are made of: edges that are kept or not, decimals, and states."""

from __future__ import annotations

import ast
import dataclasses
import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from compute.errors import TooMuch
from dashboard.figures.edges import condense_edges, edge_series
from dashboard.figures.series import Curve
from dashboard.tables.asked import bounded
from dashboard.tables.code import code_for
from dashboard.tables.curves import kind_of_curve
from dashboard.tables.edges import all_edges, counts_of, edges_at
from dashboard.tables.files import to_csv, to_json
from dashboard.tables.table import Column, as_decimals, table_of
from tests.dashboard.small_series import STEPS, UNMEASURED, WEIGHT, small_series
from tests.samples import a_graph


def test_of_a_wide_graph_the_kept_edges_are_given_and_the_others_counted():
    table = np.full((4, 4), np.nan)
    table[:3, 1:] = WEIGHT
    whole = condense_edges(a_graph(np.stack([table, table])))
    kept = dataclasses.replace(
        whole, whole=False,
        **{n: getattr(whole, n)[[0, 5]] for n in
           ("place", "weight", "weight_error", "norm", "norm_error")},
    )  # fmt: skip
    edges = edge_series(STEPS, {STEPS[0]: kept}, 4)
    found = all_edges(dataclasses.replace(small_series(), edges=edges), 0)
    assert found is not None
    assert found.weight.tolist() == pytest.approx([0.4, 0.5])
    assert [(int(a), int(b)) for a, b in zip(found.source, found.target, strict=True)] == [
        (0, 1), (2, 3),
    ]  # fmt: skip
    told = {"edges": 2, "edges_possible": whole.possible, "edges_kept": 2}
    assert counts_of(found) == told
    assert all_edges(dataclasses.replace(small_series(), edges=edges), 1) is None


@pytest.mark.parametrize(
    ("threshold", "top", "expected"),
    [
        ("", None, [0.5, 0.29999, 0.1, 1e-9, 0.0]),
        ("0", None, [0.5, 0.29999, 0.1]),
        ("", 4, [0.5, 0.29999, 0.1]),
        # In half precision, 0.1 is a little less and 0.29999 a little more than 0.3.
        ("0.1", None, [0.5, 0.29999]),
        ("0.3", None, [0.5, 0.29999]),
        ("0.3", 1, [0.5]),
    ],
)
def test_what_a_threshold_hides_is_what_the_page_hides(threshold, top, expected):
    series = small_series()
    weight = np.full_like(series.edges.weight, np.nan)
    weight[0, :5] = [0.1, 0.0, 0.5, 1e-9, 0.29999]
    asked = SimpleNamespace(
        series=dataclasses.replace(series, edges=dataclasses.replace(series.edges, weight=weight)),
        index=lambda: 0,
        get={"threshold": threshold}.get,
        threshold=lambda: float(threshold) if threshold else -np.inf,
        top=lambda: top,
    )
    assert edges_at(cast("Any", asked)).weight.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("text", ["plain", "it's", 'say "x"', "\\ '\"", "😀", "\u202e\n\x7f"])
def test_settings_are_literals_of_python(text):
    code = code_for("edges", {"graph": text}, run="r")
    assert code.replace("\n", "").isprintable()
    call = ast.parse(code).body[-1]
    (graph,) = (word for word in ast.walk(call) if isinstance(word, ast.keyword))
    assert ast.literal_eval(graph.value) == text


def test_a_checkpoint_without_a_graph_has_no_edges_rather_than_edges_of_zero():
    assert all_edges(small_series(), UNMEASURED) is None
    found = all_edges(small_series(), 0)
    assert found is not None
    assert np.isnan(found.error).all()  # of a single prompt there is no error


def test_single_precision_gets_the_shortest_decimals_that_are_still_it():
    numbers = np.array([0.1, 1 / 3, 1e-30, -2.5, np.nan, np.inf], dtype=np.float32)
    found = as_decimals(numbers)
    assert found[0] == 0.1
    assert np.array_equal(found.astype(np.float32), numbers, equal_nan=True)
    halves = np.array([0.1, 0.333], dtype=np.float16)
    assert np.array_equal(as_decimals(halves).astype(np.float16), halves)


def test_what_is_not_known_is_empty_and_text_survives():
    columns = (
        Column("n", "a count", kind="count"), Column("x", "a number"),
        Column("t", "a text", kind="text"), Column("ok", "a truth", kind="truth"),
    )  # fmt: skip
    values = {"n": [1, None], "x": [0.5, np.nan], "t": ['say "a, b"\nc', ""], "ok": [True, None]}
    table = table_of(columns, values, {})
    assert to_csv(table).decode() == 'n,x,t,ok\n1,0.5,"say ""a, b""\nc",true\n,,,\n'
    assert b'{"n": null, "x": null, "t": "", "ok": null}' in to_json(table)
    infinite = table_of(columns[1:2], {"x": [np.inf, -np.inf]}, {"rates": [1.0, np.inf]})
    assert json.loads(to_json(infinite))["rows"] == [{"x": None}, {"x": None}]
    assert json.loads(to_json(infinite))["about"] == {"rates": [1.0, None]}
    with pytest.raises(ValueError, match="differ in length"):
        table_of(columns, values | {"n": [1]}, {})


@pytest.mark.parametrize(
    ("id_", "group", "kind"),
    [
        ("llc", "llc", "llc"), ("llc~2", "llc", "llc"), ("refined~2@L0H1", "llc", "refined"),
        ("trace", "llc", "curvature"), ("loss", "loss", "behaviour"),
        ("graph.density~0.1", "graph", "network"), ("norm.size.final", "behaviour", "structure"),
        ("entropy@L0H1", "behaviour", "structure"), ("induction@L0H1", "behaviour", "behaviour"),
        ("ngram3", "behaviour", "context"), ("shift.input.3", "behaviour", "shift"),
    ],
)  # fmt: skip
def test_a_curve_is_of_one_kind_of_measurement(id_, group, kind):
    none = np.zeros(0, np.float32)
    curve = Curve(
        id=id_, name="", unit="", group=group, settings="", values=none, low=none, high=none
    )
    assert kind_of_curve(curve) == kind


def test_too_many_rows_are_refused_with_what_to_do():
    assert bounded(10) == 10
    with pytest.raises(TooMuch, match="name some steps"):
        bounded(10_000_000)

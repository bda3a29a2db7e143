"""What tables are made of: edges that are kept or not, decimals, and states."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from compute.errors import TooMuch
from dashboard.figures.edges import condense_edges, edge_series
from dashboard.figures.series import Curve
from dashboard.tables.asked import bounded
from dashboard.tables.curves import kind_of_curve
from dashboard.tables.edges import all_edges, counts_of
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

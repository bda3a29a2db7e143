from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from compute.networks.registry import NODE_NAMES
from dashboard.figures.rank_table import SHOWN, rank_columns, rank_rows
from tests.dashboard.small_series import COMPONENTS, STEPS, small_series

INDEX = 1


def rows_of(**values: Any) -> list[dict[str, Any]]:
    """The rows of a checkpoint at which these metrics have these values."""
    return rank_rows(with_values(**values), INDEX, STEPS[INDEX], next(iter(values)))


def with_values(**values: Any) -> Any:
    series = small_series()
    table = series.metrics.node_values.copy()
    for name, column in values.items():
        table[NODE_NAMES.index(name), INDEX] = column
    return dataclasses.replace(
        series, metrics=dataclasses.replace(series.metrics, node_values=table)
    )


def test_the_largest_value_is_first() -> None:
    rows = rows_of(out_strength=[0.2, 3.0, 1.0, 0.0])
    assert [r["component"] for r in rows] == [COMPONENTS[c] for c in (1, 2, 0, 3)]
    assert [r["rank"] for r in rows] == [1, 2, 3, 4]
    assert [r["out_strength"] for r in rows] == [3.0, 1.0, 0.2, 0.0]


def test_equal_values_share_a_rank_and_say_so() -> None:
    rows = rows_of(out_strength=[1.0, 5.0, 1.0, 0.5])
    assert [r["rank_label"] for r in rows] == ["1", "2=", "2=", "4"]
    assert [r["component"] for r in rows[1:3]] == ["EMB", "L0MLP"]


def test_what_has_no_value_has_no_rank_and_stands_last() -> None:
    rows = rows_of(spreader_z=[np.nan, -1.0, 2.0, np.nan])
    assert [r["rank_label"] for r in rows] == ["1", "2", "–", "–"]
    assert [r["rank"] for r in rows] == [1, 2, None, None]
    assert rows[2]["spreader_z"] is None


def test_a_rank_has_its_interval() -> None:
    (first, *_) = rows_of(out_strength=[4.0, 3.0, 2.0, 1.0])
    low, high = small_series().metrics.rank_low[0, INDEX, 0], 4.0
    assert (first["rank_low"], first["rank_high"]) == (low, high)
    assert first["rank_text"] == "1 – 4"


def test_a_value_has_its_interval_in_numbers_and_in_words() -> None:
    (first, *_) = rows_of(spreader_z=[-0.5, -1.5, -2.5, -3.5])
    found = small_series().metrics
    low = found.node_low[NODE_NAMES.index("spreader_z"), INDEX, 0]
    assert first["spreader_z_low"] == pytest.approx(low)
    assert first["spreader_z_text"] == "−1.000 – 1.000"


def test_rows_say_kind_layer_and_step() -> None:
    rows = {r["component"]: r for r in rows_of(out_strength=[4.0, 3.0, 2.0, 1.0])}
    assert {c: r["layer"] for c, r in rows.items()} == {
        "EMB": "EMB", "L0H0": "layer 0", "L0MLP": "layer 0", "LOGITS": "LOGITS",
    }  # fmt: skip
    assert {c: r["layer_number"] for c, r in rows.items()} == {
        "EMB": 0, "L0H0": 1, "L0MLP": 1, "LOGITS": 2,
    }  # fmt: skip
    assert {r["step"] for r in rows.values()} == {STEPS[INDEX]}


def test_a_checkpoint_that_is_not_measured_ranks_nobody() -> None:
    rows = rank_rows(small_series(), 2, STEPS[2], "out_strength")
    assert {r["rank_label"] for r in rows} == {"–"}
    assert {r["out_strength_text"] for r in rows} == {""}


def test_an_unknown_metric_gives_no_rows() -> None:
    assert rank_rows(small_series(), 0, 0, "centrality") == []


def test_columns_hold_every_metric_once_and_show_the_roles_first() -> None:
    groups = rank_columns(small_series(), "pagerank")
    fields = [c["field"] for g in groups for c in g["children"]]
    assert len(fields) == len(set(fields))
    assert set(NODE_NAMES) <= set(fields)
    seen = [c["field"] for g in groups for c in g["children"] if not c.get("initialHide")]
    roles = ["spreader_z", "spreader_p", "gatherer_z", "gatherer_p"]
    values = [f for f in seen if f in NODE_NAMES]
    assert values == ["out_strength", "in_strength", *roles]
    assert set(SHOWN) < set(values)
    assert groups[1]["headerName"] == "rank by PageRank"


def test_every_column_has_its_field_in_the_rows() -> None:
    row = rows_of(out_strength=[4.0, 3.0, 2.0, 1.0])[0]
    groups = rank_columns(small_series(), "out_strength")
    assert {c["field"] for g in groups for c in g["children"]} <= set(row)


def test_a_metric_that_is_defined_by_another_tells_both() -> None:
    groups = {g["groupId"]: g for g in rank_columns(small_series(), "out_strength")}
    told = groups["group.gatherer_z"]["headerTooltip"]
    assert "standard deviations" in told
    assert "The same for the in-strength." in told

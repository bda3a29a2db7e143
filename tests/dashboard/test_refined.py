from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import numpy as np
import pytest

from compute.curve_clusters import CurveClusters
from compute.jobs import Jobs
from compute.llc_specs import RefinedMeasurement
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.context import Context
from dashboard.development import Development
from dashboard.factory import create_app
from dashboard.figures.refined import (
    by_refinement,
    cluster_parts,
    effects,
    encode_clusters,
    joined,
    together,
    usable,
)
from dashboard.files import FOREVER
from dashboard.library import Library
from dashboard.pages.refined import PANELS, layout
from dashboard.payload import encode
from dashboard.payloads import Payloads
from tests.dashboard import refined_samples, synthetic

RUN = synthetic.language_run(checkpoints=40)
GAP = [i for i in refined_samples.GAP if i < len(RUN.steps)]
JUDGED_AT = len(RUN.steps) - 2


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("refined") / "store")
    synthetic.fill(store, RUN)
    refined_samples.refine(store, RUN)
    refined_samples.refine(store, RUN, "mlps")
    return store


@pytest.fixture(scope="module")
def development(filled: Store) -> Development:
    return Library(filled).development(RUN.name)


def test_every_setting_has_a_curve_for_each_part(development: Development) -> None:
    found = by_refinement(development.curves)
    assert list(found) == ["refined", "refined~2"]
    heads = [f"L{layer}H{head}" for layer in range(4) for head in range(4)]
    assert [c.component for c in found["refined"]] == heads
    assert [c.component for c in found["refined~2"]] == [f"L{layer}MLP" for layer in range(4)]


def test_the_browser_gets_verdicts_beside_values(development: Development) -> None:
    header, data = decode(encode(development))
    curve = next(c for c in header["curves"] if c["id"] == f"refined@{refined_samples.DIVERGED}")
    assert np.isnan(array(curve["values"], data)[JUDGED_AT])
    assert curve["verdicts"][JUDGED_AT] == "diverged"
    assert curve["reasons"][JUDGED_AT] == "3 of 4 chains diverged"


def test_what_is_no_learning_coefficient_is_not_used(development: Development) -> None:
    curves = {c.component: c for c in by_refinement(development.curves)["refined"]}
    unusable = {n for n, c in curves.items() if np.isnan(usable(c)[JUDGED_AT])}
    assert unusable == {"L1H0", "L1H1", refined_samples.DIVERGED}
    assert all(np.isfinite(usable(c)[JUDGED_AT - 1]) for c in curves.values())


def test_heads_of_one_kind_are_one_cluster(development: Development) -> None:
    curves = by_refinement(development.curves)["refined"]
    found = cluster_parts(RUN.steps, curves)
    kinds = [refined_samples.kind(str(c.component)) for c in curves]
    assert found.k == 3
    assert len(set(zip(kinds, found.labels.tolist(), strict=True))) == 3
    assert found.sure
    assert not found.used[[*GAP, JUDGED_AT]].any()


def test_parts_that_all_develop_alike_are_one_kind(development: Development) -> None:
    found = cluster_parts(RUN.steps, by_refinement(development.curves)["refined~2"])
    assert (found.k, found.sure) == (1, False)


def test_mean_shapes_are_joined_by_straight_lines_of_the_log_axis() -> None:
    nan = float("nan")
    lines = joined(np.array([[nan, 0.0, nan, 2.0, nan]]), (0, 9, 99, 999, 9999))
    assert np.array_equal(lines, [[nan, 0, 1, 2, nan]], equal_nan=True)


# -- refined LLC and ablation --------------------------------------------------------------------


def test_the_same_order_has_rho_1_and_chance_is_the_share_of_orders_as_far() -> None:
    one = np.array([[3.0, 1.0, 2.0, 5.0, 4.0, 6.0]])
    found = together(one, np.exp(one))
    assert (found.rho[0], found.high[0]) == pytest.approx((1, 1))
    assert 0.5 < found.low[0] < 0.9, "six parts in the same order are no proof of all"
    # Two of the 720 orders are as far from 0, and the one found is counted in.
    assert found.p[0] == pytest.approx(2 / 720, abs=0.006)
    assert (found.sign[0], found.parts[0]) == (1, 6)
    assert together(one, -one).sign[0] == -1


def test_chance_of_few_parts_is_that_of_all_orders() -> None:
    one, other = np.arange(5.0), np.array([0.0, 2.0, 1.0, 3.0, 4.0])
    orders = np.array(list(itertools.permutations(other)))
    rho = 1 - 6 * ((orders - one) ** 2).sum(1) / (5 * 24)
    share = (np.abs(rho) >= 0.9 - 1e-9).mean()
    found = together(one[None], other[None])
    assert found.rho[0] == pytest.approx(0.9)
    assert found.p[0] == pytest.approx(share, abs=0.03)
    assert found.sign[0] == 0


def test_orders_that_have_nothing_to_do_with_each_other_cannot_be_told() -> None:
    one, other = np.random.default_rng(1).normal(size=(2, 100, 16))
    found = together(one, other)
    assert (found.sign == 0).mean() > 0.9
    assert ((found.low <= found.rho) & (found.rho <= found.high)).mean() > 0.95


def test_missing_values_and_ties_are_gaps_not_zeros() -> None:
    table = np.arange(8.0)[None].repeat(3, 0)
    few, tied = table.copy(), np.ones((3, 8))
    few[0, :4] = np.nan
    found = together(few, table)
    assert np.isnan(found.rho).tolist() == [True, False, False]
    assert (found.parts.tolist(), found.sign.tolist()) == ([4, 8, 8], [0, 1, 1])
    assert np.isnan(together(tied, table).rho).all()


def test_the_order_is_compared_with_the_ablation_of_the_same_component(
    development: Development,
) -> None:
    curves = by_refinement(development.curves)["refined"]
    series = development.graphs["text.zero"]
    found = effects(curves, series)
    assert list(found) == ["loss_change", "out_strength"]
    at = [series.components.index(str(c.component)) for c in curves]
    values = np.array([c.values[5] for c in curves])
    expected = together(values[None], series.loss_change[5, at][None])
    assert found["loss_change"].rho[5] == pytest.approx(expected.rho[0])
    assert found["loss_change"].parts.tolist() == [
        0 if i in GAP else 13 if i == JUDGED_AT else 16 for i in range(len(RUN.steps))
    ]


def test_parts_that_are_no_components_of_a_graph_have_no_effects(development: Development) -> None:
    curves = by_refinement(development.curves)["refined"][:5]
    other = [dataclasses.replace(c, component=f"L{i}") for i, c in enumerate(curves)]
    assert effects(other, development.graphs["text.zero"]) == {}


# -- the page ------------------------------------------------------------------------------------


def context_of(store: Store) -> Context:
    library = Library(store)
    return Context(library, Payloads(library, "/"), Jobs(store), "/")


def test_the_page_names_its_run_and_its_panels(filled: Store) -> None:
    page = layout(context_of(filled), f"?run={RUN.name}")
    text = json.dumps(page, default=lambda c: c.to_plotly_json())
    assert '"data-page": "refined"' in text
    assert all(f'"{name}-body"' in text for name in PANELS)


def test_what_is_computed_is_served_for_ever_under_its_digest(filled: Store) -> None:
    client = create_app(filled).server.test_client()
    payload = client.get(f"/api/state/{RUN.name}").get_json()["payload"]
    clusters = client.get(payload.replace(".bin", "/refined/clusters.bin"))
    assert (clusters.status_code, clusters.headers["Cache-Control"]) == (200, FOREVER)
    header, data = decode(clusters.data)
    found = header["settings"]["refined"]
    assert (found["k"], found["sure"], len(found["parts"])) == (3, True, 16)
    assert array(found["centres"], data).shape == (3, len(RUN.steps))
    assert header["settings"]["refined~2"]["stability"] is None
    answer = client.get(payload.replace(".bin", "/refined/effects/text.zero.bin"))
    settings = decode(answer.data)[0]["settings"]
    assert set(settings["refined"]) == {"loss_change", "out_strength"}
    other = payload.replace(".bin", "/refined/effects/none.bin")
    assert client.get(other).status_code == 404
    stale = f"/data/{RUN.name}/{'0' * 64}/refined/clusters.bin"
    assert client.get(stale).status_code == 404
    assert client.get(stale.replace(RUN.name, "none")).status_code == 404


def test_a_run_without_refined_llcs_has_no_settings(store: Store) -> None:
    run = synthetic.language_run("bare", 6)
    synthetic.fill(store, run)
    client = create_app(store).server.test_client()
    payload = client.get("/api/state/bare").get_json()["payload"]
    answer = client.get(payload.replace(".bin", "/refined/clusters.bin"))
    assert decode(answer.data)[0]["settings"] == {}


def test_the_button_measures_the_heads_of_one_checkpoint(filled: Store) -> None:
    client = create_app(filled).server.test_client()
    body = {"run": RUN.name, "kinds": ["refined"], "steps": [RUN.steps[3]]}
    assert client.post("/api/jobs", json=body).status_code == 202
    job = Jobs(filled).list()[-1]
    (spec,) = job.specs
    assert (spec["kind"], spec["parts"], spec["data"]) == ("refined", "heads", "train")
    assert job.steps == (RUN.steps[3],)
    assert spec["version"] == RefinedMeasurement.version


def test_without_clusters_only_the_reason_is_sent() -> None:
    nan = float("nan")
    nothing: dict[str, Any] = {
        "labels": np.array([-1]), "sureness": np.array([nan]), "centres": np.empty((0, 2)),
        "used": np.zeros(2, dtype=bool), "silhouettes": np.empty(0),
    }  # fmt: skip
    found = CurveClusters(
        k=0, silhouette=nan, chance=nan, p=nan, stability=nan, reason="too few", **nothing
    )
    header, _ = decode(encode_clusters((0, 1), {"refined": ([], found)}))
    assert header["settings"]["refined"]["reason"] == "too few"
    assert header["settings"]["refined"]["silhouette"] is None

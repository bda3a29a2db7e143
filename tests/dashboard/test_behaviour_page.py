from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from numpy import ndarray

from compute.behaviour_records import ContextUse, Structure
from compute.behaviour_specs import ContextMeasurement, StructureMeasurement
from compute.jobs import Jobs
from compute.records import LanguageBehaviour, RegressionBehaviour
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.behaviours import all_behaviour_curves, context_text
from dashboard.context import Context
from dashboard.factory import create_app
from dashboard.figures import behaviour_file
from dashboard.figures.behaviour_curves import (
    behaviour_curves,
    context_curves,
    effective_rank,
    shift_curves,
    structure_curves,
)
from dashboard.figures.behaviour_file import Found, encode_behaviours
from dashboard.figures.series import Curve
from dashboard.files import FOREVER
from dashboard.library import Library
from dashboard.pages.behaviour import layout
from dashboard.payloads import Payloads
from dashboard.points import Point, by_setting
from tests.dashboard import behaviour_samples as samples
from tests.dashboard import synthetic

RUN = synthetic.language_run("demo", checkpoints=14)
REGRESSION = dataclasses.replace(
    synthetic.regression_run("icl"), steps=synthetic.regression_run().steps[::8]
)
STEPS = RUN.steps
AT = 12
STEP = STEPS[AT]
GAPS = list(samples.GAP)
CONTEXT = {t: samples.context_use(t) for i, t in enumerate(STEPS) if i not in samples.GAP}
STRUCTURE = {t: samples.structure(RUN, t) for i, t in enumerate(STEPS) if i not in samples.GAP}
Z = 1.96


def by_id(curves: list[Curve]) -> dict[str, Curve]:
    found = {curve.id: curve for curve in curves}
    assert len(found) == len(curves)
    return found


def context_by_id() -> dict[str, Curve]:
    return by_id(context_curves(STEPS, CONTEXT, settings="s"))


def structure_by_id() -> dict[str, Curve]:
    return by_id(structure_curves(STEPS, STRUCTURE, settings="s"))


# -- use of context --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["icl", "bigram", "positional"])
def test_scores_of_context_have_the_records_values_and_intervals(name: str) -> None:
    curve = context_by_id()[name]
    record = CONTEXT[STEP]
    assert curve.values[AT] == pytest.approx(getattr(record, name), rel=1e-6)
    half = Z * getattr(record, f"{name}_error")
    assert curve.high[AT] - curve.values[AT] == pytest.approx(half, rel=1e-3)
    assert curve.values[AT] - curve.low[AT] == pytest.approx(half, rel=1e-3)
    assert np.flatnonzero(np.isnan(curve.values)).tolist() == GAPS


def test_each_length_of_n_grams_is_a_curve_and_the_floor_has_no_interval() -> None:
    curves = context_by_id()
    record = CONTEXT[STEP]
    for i, n in enumerate(record.ngrams):
        curve = curves[f"ngram{n}"]
        assert curve.values[AT] == pytest.approx(record.ngram[i], rel=1e-6)
        assert curve.high[AT] == pytest.approx(record.ngram[i] + Z * record.ngram_error[i])
    floor = curves["bigram_entropy"]
    assert floor.values[AT] == pytest.approx(samples.ENTROPY)
    assert np.isnan(floor.low).all()


def test_a_model_whose_positions_cannot_be_taken_away_has_no_curve_of_them() -> None:
    without = {t: dataclasses.replace(r, positional=float("nan")) for t, r in CONTEXT.items()}
    found = by_id(context_curves(STEPS, without, settings="s"))
    assert set(context_by_id()) - set(found) == {"positional"}


# -- regression ------------------------------------------------------------------------------------


def test_shifts_are_curves_by_scale_with_the_records_intervals() -> None:
    record = samples.shifted(STEP)
    found = by_id(shift_curves(STEPS, {STEP: record}, settings="s"))
    assert len(found) == 4 * len(samples.SCALES)
    names = {
        "input": "input_error", "task": "task_error", "input_ridge": "input_ridge",
        "task_ridge": "task_ridge",
    }  # fmt: skip
    errors = {
        "input": record.input_standard_error, "task": record.task_standard_error,
        "input_ridge": record.input_ridge_standard_error,
        "task_ridge": record.task_ridge_standard_error,
    }  # fmt: skip
    for name, field in names.items():
        for i, g in enumerate(samples.SCALES):
            curve = found[f"shift.{name}.{g:g}"]
            value = getattr(record, field)[i]
            assert curve.values[AT] == pytest.approx(value, rel=1e-6)
            assert curve.high[AT] == pytest.approx(value + Z * errors[name][i], rel=1e-5)
            assert np.isfinite(curve.values).sum() == 1


def test_every_pair_has_a_curve_and_ridge_has_the_error_that_is_left() -> None:
    record = synthetic.behaviour(REGRESSION, 1000, np.random.default_rng(0))
    assert isinstance(record, RegressionBehaviour)
    found = by_id(behaviour_curves((0, 1000), {1000: record}, family="regression", settings="s"))
    pairs = [found[f"pair{k + 1}"].values[1] for k in range(8)]
    assert pairs == pytest.approx(record.loss_by_pair.tolist())
    assert found["ridge_error"].values[1] == pytest.approx(record.loss - record.ridge_distance)
    assert found["icl_early"].values[1] == pytest.approx(pairs[3] - pairs[0])
    assert "pair9" not in found
    assert np.isnan(found["pair1"].values[0])


def test_ridge_error_is_that_of_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    samples_, noise = 200_000, 0.125
    task, x = rng.normal(size=(2, samples_))
    y = task * x + rng.normal(0, noise**0.5, samples_)
    query = rng.normal(size=samples_)
    target = task * query + rng.normal(0, noise**0.5, samples_)
    ridge = x * y / (x * x + noise) * query
    model = 0.4 * y * query
    loss, distance = ((model - target) ** 2).mean(), ((model - ridge) ** 2).mean()
    assert loss - distance == pytest.approx(((ridge - target) ** 2).mean(), rel=0.02)


# -- structure -------------------------------------------------------------------------------------


def test_heads_have_their_own_entropy_with_its_interval_and_their_variability() -> None:
    curves, record = structure_by_id(), STRUCTURE[STEP]
    for i, head in enumerate(record.heads):
        entropy, variability = curves[f"entropy@{head}"], curves[f"variability@{head}"]
        assert entropy.component == variability.component == head
        value = record.attention_entropy[i]
        assert entropy.values[AT] == pytest.approx(value)
        half = Z * record.attention_entropy_error[i]
        assert entropy.low[AT] == pytest.approx(value - half, rel=1e-5)
        assert variability.values[AT] == record.attention_variability[i]
        assert np.isnan(variability.low).all()
    mean = record.attention_entropy.mean()
    assert curves["entropy"].values[AT] == pytest.approx(mean)
    assert np.flatnonzero(np.isnan(curves["entropy"].values)).tolist() == GAPS


def test_composition_is_that_of_the_strongest_pair_over_chance() -> None:
    curves, record = structure_by_id(), STRUCTURE[STEP]
    tables = (record.q_composition, record.k_composition, record.v_composition)
    for letter, table, chance in zip("qkv", tables, record.composition_chance, strict=True):
        most = max(v for row in table.tolist() for v in row if v == v)
        assert curves[f"composition.{letter}"].values[AT] == pytest.approx(most / chance)


def test_a_model_of_one_layer_has_no_composition() -> None:
    none = np.full((2, 2), np.nan, np.float32)
    one = dataclasses.replace(
        STRUCTURE[STEP], heads=("L0H0", "L0H1"), q_composition=none, k_composition=none,
        v_composition=none, attention_entropy=np.ones(2), attention_entropy_error=np.ones(2),
        attention_variability=np.ones(2),
    )  # fmt: skip
    found = by_id(structure_curves(STEPS, {STEP: one}, settings="s"))
    assert not [name for name in found if name.startswith("composition")]
    header, _ = decode(encode_behaviours(STEPS, only(structure={STEP: one})))
    assert header["composition"]["pairs"] == 0


def test_spectra_and_norms_are_curves() -> None:
    curves, record = structure_by_id(), STRUCTURE[STEP]
    for i, name in enumerate(record.embeddings):
        values = [v for v in record.singular_values[i].tolist() if v == v]
        assert curves[f"spectrum.top.{name}"].values[AT] == pytest.approx(max(values))
        ratio = sum(v**2 for v in values) ** 2 / sum(v**4 for v in values)
        assert curves[f"spectrum.rank.{name}"].values[AT] == pytest.approx(ratio, rel=1e-5)
    for i, name in enumerate(record.norms):
        assert curves[f"norm.size.{name}"].values[AT] == record.norm_size[i]
        assert curves[f"norm.spread.{name}"].values[AT] == record.norm_spread[i]
        assert curves[f"norm.small.{name}"].values[AT] == record.norm_small[i]


@pytest.mark.parametrize(
    ("values", "rank"),
    [([3.0, 3.0, 3.0], 3.0), ([5.0, 0.0, 0.0], 1.0), ([1.0, 1.0, float("nan")], 2.0)],
)
def test_effective_rank_counts_equal_directions(values: list[float], rank: float) -> None:
    assert effective_rank(np.array(values)) == pytest.approx(rank)
    assert effective_rank(7 * np.array(values)) == pytest.approx(rank)


def test_a_matrix_of_zeros_has_no_effective_rank() -> None:
    assert np.isnan(effective_rank(np.zeros(3)))


# -- curves of a run -------------------------------------------------------------------------------


def test_settings_that_differ_are_different_curves() -> None:
    other = ContextMeasurement(samples=32)
    records = [Point(ContextMeasurement(), t, r) for t, r in CONTEXT.items()]
    one = Point(other, STEP, samples.context_use(STEP, seed=1))
    found = by_id(all_behaviour_curves(RUN, by_setting([*records, one])))
    assert found["icl"].settings == context_text(ContextMeasurement())
    assert "32 windows" in found["icl~2"].settings
    assert np.flatnonzero(np.isfinite(found["icl~2"].values)).tolist() == [AT]


def test_what_nobody_measured_has_no_curve_but_the_usual_ones_are_there_empty() -> None:
    found = by_id(all_behaviour_curves(RUN, {}))
    assert {"loss", "induction", "previous", "copying"} <= set(found)
    assert "icl" not in found
    assert "entropy" not in found
    assert all(np.isnan(curve.values).all() for curve in found.values())


def test_ids_hold_no_character_that_means_something_else_in_addresses() -> None:
    shift = shift_curves(STEPS, {STEP: samples.shifted(STEP)}, settings="s")
    for curve in (*context_by_id().values(), *structure_by_id().values(), *shift):
        assert "," not in curve.id
        assert ("@" in curve.id) == (curve.component is not None)


def test_old_heads_keep_their_curves_if_other_checkpoints_have_others() -> None:
    record = synthetic.behaviour(RUN, STEP, np.random.default_rng(0))
    assert isinstance(record, LanguageBehaviour)
    fewer = dataclasses.replace(
        record, heads=record.heads[1:], previous_token=record.previous_token[1:],
        prefix_matching=record.prefix_matching[1:],
    )  # fmt: skip
    found = by_id(behaviour_curves((0, 1), {0: fewer, 1: record}, family="language", settings="s"))
    assert np.isnan(found["previous@L0H0"].values[0])
    assert found["previous@L0H1"].values[0] == record.previous_token[1]


# -- the file --------------------------------------------------------------------------------------


def only(
    context: dict[int, ContextUse] | None = None, structure: dict[int, Structure] | None = None
) -> Found:
    return Found(
        windows=ContextMeasurement() if context else None, context=context or {}, regression={},
        structure=structure or {}, settings={},
    )  # fmt: skip


def read(found: Found) -> tuple[dict[str, object], bytes]:
    header, data = decode(encode_behaviours(STEPS, found))
    return header, data


def table(place: object, data: bytes) -> ndarray:
    assert isinstance(place, dict)
    return array(place, data)


def test_the_file_has_losses_by_position_with_their_intervals_and_windows() -> None:
    header, data = read(only(context=CONTEXT))
    found = header["positions"]
    assert isinstance(found, dict)
    assert (found["early"], found["late"]) == ([4, 8], [60, 64])
    loss, half = table(found["loss"], data), table(found["half"], data)
    np.testing.assert_allclose(loss[AT], CONTEXT[STEP].loss_by_position)
    np.testing.assert_allclose(half[AT], Z * CONTEXT[STEP].loss_by_position_error, rtol=1e-6)
    assert np.flatnonzero(np.isnan(loss).all(axis=1)).tolist() == GAPS
    assert [header[name] for name in ("pairs", "composition", "spectra", "norms")] == [None] * 4


def test_the_file_has_the_composition_of_every_pair_that_can_be() -> None:
    header, data = read(only(structure=STRUCTURE))
    found = header["composition"]
    assert isinstance(found, dict)
    record = STRUCTURE[STEP]
    ends = table(found["ends"], data)
    layer = [int(head[1]) for head in found["heads"]]
    pairs = {(i, j) for i, a in enumerate(layer) for j, b in enumerate(layer) if a < b}
    assert {tuple(pair) for pair in ends.tolist()} == pairs
    for letter, whole in zip(
        "qkv", (record.q_composition, record.k_composition, record.v_composition), strict=True
    ):
        values = table(found[letter], data)
        expected = [whole[i, j] for i, j in ends]
        np.testing.assert_allclose(values[AT], expected, rtol=1e-3)
        assert np.flatnonzero(np.isnan(values).all(axis=1)).tolist() == GAPS
    np.testing.assert_allclose(table(found["chance"], data)[AT], record.composition_chance)


def test_the_file_has_spectra_without_empty_columns_and_norms() -> None:
    header, data = read(only(structure=STRUCTURE))
    spectra, norms, record = header["spectra"], header["norms"], STRUCTURE[STEP]
    assert isinstance(spectra, list)
    assert isinstance(norms, dict)
    assert [(s["name"], s["values"]["shape"][1]) for s in spectra] == [("EMB", 64), ("UNEMBED", 62)]
    np.testing.assert_array_equal(table(spectra[0]["values"], data)[AT], record.singular_values[0])
    assert norms["names"] == list(record.norms)
    for name in ("mean", "spread", "size", "small"):
        expected = getattr(record, f"norm_{name}")
        np.testing.assert_array_equal(table(norms[name], data)[AT], expected)


def test_too_many_pairs_are_counted_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviour_file, "MOST_PAIRS", 10)
    header, _ = read(only(structure=STRUCTURE))
    composition = header["composition"]
    assert isinstance(composition, dict)
    assert (composition["pairs"], composition["kept"]) == (96, False)
    assert "q" not in composition


def test_a_record_of_another_shape_is_a_gap() -> None:
    other = samples.context_use(STEPS[2], positions=63)
    header, data = read(only(context={STEPS[2]: other, STEP: CONTEXT[STEP]}))
    found = header["positions"]
    assert isinstance(found, dict)
    loss = table(found["loss"], data)
    assert loss.shape == (len(STEPS), 127)
    assert np.isnan(loss[2]).all()


# -- routes and page -------------------------------------------------------------------------------


@pytest.fixture
def filled(store: Store) -> Store:
    samples.behave(store, RUN)
    samples.behave(store, REGRESSION)
    return store


def test_the_file_is_served_for_ever_under_the_digest_of_the_data(filled: Store) -> None:
    client = create_app(filled).server.test_client()
    payload = client.get(f"/api/state/{RUN.name}").get_json()["payload"]
    answer = client.get(payload.replace(".bin", "/behaviour.bin"))
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == FOREVER
    header, data = decode(answer.data)
    loss = array(header["positions"]["loss"], data)
    np.testing.assert_allclose(loss[AT], CONTEXT[STEP].loss_by_position)
    assert header["settings"]["structure"] == "weights; attention on 64 held-out samples"
    assert client.get(f"/data/{RUN.name}/{'0' * 64}/behaviour.bin").status_code == 404
    assert client.get(f"/data/none/{'0' * 64}/behaviour.bin").status_code == 404


def test_new_records_give_another_address_and_the_old_one_is_gone(filled: Store) -> None:
    client = create_app(filled).server.test_client()
    old = client.get(f"/api/state/{RUN.name}").get_json()["payload"]
    step = STEPS[samples.GAP[0]]
    record = samples.structure(RUN, step)
    filled.put(synthetic.wrap(RUN, step, StructureMeasurement(), record))
    assert client.get(old.replace(".bin", "/behaviour.bin")).status_code == 404
    new = client.get(f"/api/state/{RUN.name}").get_json()["payload"]
    header, data = decode(client.get(new.replace(".bin", "/behaviour.bin")).data)
    spectrum = array(header["spectra"][0]["values"], data)
    assert np.isfinite(spectrum[samples.GAP[0]]).all()
    assert np.isnan(spectrum[samples.GAP[1]]).all()


def test_a_regression_has_its_losses_by_pair(filled: Store) -> None:
    client = create_app(filled).server.test_client()
    payload = client.get(f"/api/state/{REGRESSION.name}").get_json()["payload"]
    header, data = decode(client.get(payload.replace(".bin", "/behaviour.bin")).data)
    assert header["positions"] is None
    loss = array(header["pairs"]["loss"], data)
    records = samples.records_at(REGRESSION, 5)
    expected = records["behaviour"].loss_by_pair  # type: ignore[union-attr]
    np.testing.assert_array_equal(loss[5], expected)


def test_a_run_without_records_has_an_empty_file_and_a_page(store: Store) -> None:
    store.put_run(RUN)
    client = create_app(store).server.test_client()
    payload = client.get(f"/api/state/{RUN.name}").get_json()["payload"]
    header, data = decode(client.get(payload.replace(".bin", "/behaviour.bin")).data)
    parts = ("positions", "pairs", "composition", "spectra", "norms")
    assert [header[name] for name in parts] == [None] * 5
    assert data == b""


def test_the_page_names_its_panels_and_the_data_of_its_run(filled: Store) -> None:
    library = Library(filled)
    context = Context(library, Payloads(library, "/"), Jobs(filled), "/")
    texts = {
        run.name: json.dumps(
            layout(context, f"?run={run.name}"), default=lambda c: c.to_plotly_json()
        )
        for run in (RUN, REGRESSION)
    }
    assert context.payloads.address(RUN.name) in texts[RUN.name]
    assert '"data-page": "behaviour"' in texts[RUN.name]
    assert "Loss by position" in texts[RUN.name]
    assert "Loss by pair" in texts[REGRESSION.name]

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from compute.jobs import Jobs
from compute.llc_records import LLCEstimate, VerdictName
from compute.llc_specs import LLCMeasurement, LLCSpec
from compute.measure.diagnostics import autocorrelation_time
from compute.runs import Run
from compute.store import Store
from dashboard.arrays import array, decode
from dashboard.factory import create_app
from dashboard.figures.chains import autocorrelations, chains_file, densities, run_range
from dashboard.figures.checks import checks, number, with_error
from dashboard.library import Library
from tests.dashboard import chain_samples, synthetic
from tests.dashboard.chain_samples import OTHER, judged
from tests.llc_samples import autoregressive

SPEC = LLCMeasurement(llc=LLCSpec(nbeta=100.0, draws=100, burn_in=30, batch_size=2))
RNG = np.random.default_rng


def healthy() -> LLCEstimate:
    return judged("healthy", SPEC.llc, 80.0, RNG(0))


def opened(record: LLCEstimate) -> tuple[dict[str, Any], bytes]:
    return decode(chains_file(SPEC, record))


# -- the file ------------------------------------------------------------------------------------


def test_the_mean_of_the_draws_is_the_estimate() -> None:
    record = healthy()
    header, data = opened(record)
    draws = array(header["draws"], data)
    assert draws.shape == (4, 100)
    assert draws.mean() == pytest.approx(record.llc, rel=1e-5)
    np.testing.assert_allclose(draws.mean(axis=1), header["perChain"], rtol=1e-5)
    np.testing.assert_array_equal(array(header["distance"], data), record.distance_trace)
    assert header["error"] == pytest.approx(1.96 * record.standard_error)


def test_a_chain_that_diverged_has_no_numbers() -> None:
    record = healthy()
    losses = record.loss_trace.copy()
    losses[2, 40:] = np.nan
    per_chain = record.per_chain.copy()
    per_chain[2] = np.nan
    header, data = opened(
        dataclasses.replace(record, loss_trace=losses, per_chain=per_chain, finite_share=0.75)
    )
    assert header["perChain"][2] is None
    draws = array(header["draws"], data)
    assert np.isfinite(draws[2, :40]).all()
    assert np.isnan(draws[2, 40:]).all()
    for name in ("autocorrelation", "density"):
        table = array(header[name], data)
        assert np.isnan(table[2]).all()
        assert np.isfinite(table[[0, 1, 3]]).all()


@pytest.mark.parametrize("draws", [1, 2, 3, 8, 400])
def test_chains_of_any_length_are_told(draws: int) -> None:
    spec = dataclasses.replace(SPEC.llc, draws=draws)
    losses = 3 + 0.1 * RNG(draws).normal(size=(4, draws))
    record = dataclasses.replace(
        healthy(), loss_trace=losses, baseline_trace=np.full_like(losses, 2.0),
        distance_trace=losses, spec=spec, rhat=np.nan, ess=np.nan,
    )  # fmt: skip
    header, data = opened(record)
    assert array(header["draws"], data).shape == (4, draws)
    assert ("draws of each", f"{draws}") in [tuple(row) for row in header["settings"]]


# -- what follows from draws ---------------------------------------------------------------------


def test_autocorrelation_of_a_wave_is_a_wave() -> None:
    wave = np.sin(2 * np.pi * np.arange(4000) / 20)[None]
    found = autocorrelations(wave)[0]
    np.testing.assert_allclose(found, np.cos(2 * np.pi * np.arange(41) / 20), atol=0.02)


def test_autocorrelation_of_memory_falls_by_its_factor() -> None:
    draws = autoregressive(RNG(0), (1, 200_000), 0.8)
    np.testing.assert_allclose(autocorrelations(draws, 8)[0], 0.8 ** np.arange(9), atol=0.02)
    assert autocorrelation_time(draws[:, :20_000]) == pytest.approx(9, rel=0.15)


def test_a_constant_chain_has_no_autocorrelation_and_no_density() -> None:
    draws = np.full((2, 50), 3.0)
    assert np.isnan(autocorrelations(draws)).all()
    assert np.isnan(densities(draws)[1]).all()


def test_densities_enclose_an_area_of_one_and_are_where_the_draws_are() -> None:
    draws = RNG(1).normal([[0.0], [5.0]], 1.0, (2, 500))
    grid, density = densities(draws)
    np.testing.assert_allclose(np.trapezoid(density, grid, axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(np.trapezoid(density * grid, grid, axis=1), [0, 5], atol=0.1)
    at = np.exp(-0.5 * grid**2) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(density[0], at, atol=0.06)


def test_the_axis_of_a_run_holds_the_draws_of_every_believed_estimate() -> None:
    every = [judged("healthy", SPEC.llc, level, RNG(int(level))) for level in (40.0, 90.0, 140.0)]
    diverged = judged("diverged", SPEC.llc, 80.0, RNG(3))
    ends = run_range([*every, diverged])
    assert ends is not None
    draws = np.concatenate(
        [SPEC.llc.nbeta * (r.loss_trace - r.baseline_trace).ravel() for r in every]
    )
    assert ((ends[0] <= draws) & (draws <= ends[1])).mean() > 0.998
    assert ends[1] < 300 < diverged.llc
    assert run_range([diverged]) is None


# -- the checks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("verdict", "failing"),
    [
        ("healthy", set()),
        ("frozen", {"moving chains"}),
        ("diverged", {"rise of the loss"}),
        ("not at a minimum", {"estimate, from below"}),
        ("drifting", {"drift"}),
        ("short", {"R-hat", "bulk ESS"}),
    ],
)
def test_a_check_fails_where_the_verdict_says_so(
    verdict: VerdictName, failing: set[str], seed: int
) -> None:
    found = checks(judged(verdict, SPEC.llc, 80.0, RNG(seed)))
    failed = {check.name for check in found if check.decides and check.passes is False}
    assert bool(failed) == (verdict != "healthy")
    if failing:
        assert failed & failing


def test_a_lost_chain_fails_and_an_error_that_was_asked_for_is_checked() -> None:
    record = dataclasses.replace(healthy(), finite_share=0.75)
    by_name = {check.name: check for check in checks(record)}
    assert by_name["finite chains"].value == "3 of 4"
    assert by_name["finite chains"].passes is False
    assert by_name["standard error"].passes is None
    asked = dataclasses.replace(record.spec, rel_error=1e-6, max_draws=1000)
    by_name = {c.name: c for c in checks(dataclasses.replace(record, spec=asked))}
    assert by_name["standard error"].passes is False


def test_what_nobody_knows_neither_passes_nor_fails() -> None:
    names = (
        "rhat", "ess", "ess_tail", "drift", "drift_error", "autocorrelation_time",
        "standard_error", "chain_error", "draw_error", "acceptance", "ignorant_loss",
        "gradient_to_noise", "unpaired_error",
    )  # fmt: skip
    unknown: dict[str, Any] = dict.fromkeys(names, np.nan)
    found = checks(dataclasses.replace(healthy(), **unknown))
    known = {c.name for c in found if c.passes is not None}
    assert known == {"moving chains", "finite chains"}
    assert all(c.unit and c.good and c.meaning for c in found)


def test_numbers_have_three_digits_a_real_minus_and_words_for_none() -> None:
    values = [0.0, 1.0049, -2.5, 12345.6, 0.01234, 1.2e-6, float("nan")]
    assert [number(v) for v in values] == [
        "0", "1", "−2.5", "12,346", "0.0123", "1.2e-06", "not defined",
    ]  # fmt: skip
    assert number(2.0, sign=True) == "+2"
    assert with_error(124.0123, 0.898) == "124.01 ± 0.90"
    assert with_error(-3.21, 12.0, sign=True) == "−3 ± 12"
    assert with_error(1.0, float("nan")) == "1 ± not defined"


# -- over HTTP -----------------------------------------------------------------------------------


@pytest.fixture
def run(store: Store) -> Run:
    return chain_samples.fill(store, synthetic.language_run(checkpoints=20), missing=(("llc", 3),))


@pytest.fixture
def client(store: Store, run: Run) -> FlaskClient:
    return create_app(store).server.test_client()


def state_of(client: FlaskClient, run: Run) -> dict[str, Any]:
    response = client.get(f"/api/chains/{run.name}")
    assert response.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = response.json
    return found


def test_settings_are_those_of_the_curves(client: FlaskClient, store: Store, run: Run) -> None:
    own, other = state_of(client, run)["settings"]
    curves = {c.id: c for c in Library(store).development(run.name).curves}
    for setting in (own, other):
        curve = curves[setting["curve"]]
        assert curve.settings == setting["label"]
        known = [t for t, v in zip(run.steps, curve.values, strict=True) if np.isfinite(v)]
        assert sorted(int(t) for t in setting["measured"]) == known
    assert own["standard"]
    assert not other["standard"]
    assert str(run.steps[3]) not in own["measured"]


def test_chains_are_read_by_their_digest_for_ever(client: FlaskClient, run: Run) -> None:
    own, other = state_of(client, run)["settings"]
    lengths = set()
    for setting, spec in ((own, own["label"]), (other, OTHER.llc)):
        for step, address in setting["measured"].items():
            response = client.get(address)
            assert "immutable" in response.headers["Cache-Control"]
            header, _ = decode(response.data)
            assert header["draws"]["shape"][0] == (4 if spec == own["label"] else 3)
            lengths.add((setting["curve"], header["draws"]["shape"][1]))
            assert step in setting["measured"]
    # Chains that stop when they may have as many draws as they made.
    assert {n for curve, n in lengths if curve == "llc~2"} > {60}


def test_a_step_waits_while_a_job_is_open(client: FlaskClient, store: Store, run: Run) -> None:
    step = run.steps[3]
    body = {"run": run.name, "kinds": ["llc"], "steps": [step]}
    assert client.post("/api/jobs", json=body).status_code == 202
    assert state_of(client, run)["waiting"] == {str(step): "queued"}
    (job,) = Jobs(store).list()
    Jobs(store).cancel(job.id)
    assert state_of(client, run)["waiting"] == {}


@pytest.mark.parametrize("digest", ["0" * 64, "soup"])
def test_what_is_not_there_is_not_found(client: FlaskClient, run: Run, digest: str) -> None:
    assert client.get(f"/data/{run.name}/chains/{digest}.bin").status_code == 404


def test_a_damaged_record_is_not_found(client: FlaskClient, store: Store, run: Run) -> None:
    (key,) = (k for k in store.keys(run.name, "llc") if f"/{run.steps[5]}/" in k)
    digest = key.rsplit("/", 1)[1]
    assert client.get(f"/data/{run.name}/chains/{digest}.bin").status_code == 200
    store.drop(key)
    store.put_many({key: b"torn"}, run.name)
    assert client.get(f"/data/{run.name}/chains/{digest}.bin").status_code == 404


def test_a_run_without_estimates_has_no_settings(client: FlaskClient, store: Store) -> None:
    fresh = synthetic.language_run("fresh", 5)
    store.put_run(fresh)
    assert state_of(client, fresh) == {"settings": [], "waiting": {}}
    assert client.get("/api/chains/nowhere").status_code == 404

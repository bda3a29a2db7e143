"""Tables of the developments that ship: those of which a synthetic store has no records."""

from __future__ import annotations

import numpy as np
import ontogeny
import pytest

from compute.components import layers_of


@pytest.fixture(scope="module")
def shipped():
    with ontogeny.open_store() as store:
        yield store


@pytest.fixture(scope="module")
def run(shipped):
    return shipped.run("attention_only")


def test_refined_llcs_are_those_of_their_records(run):
    table = run.refined().set_index(["step", "component"])
    for measured in run.records("refined"):
        record = measured.record
        for i, part in enumerate(record.parts):
            row = table.loc[(measured.step, part)]
            assert row["value"] == pytest.approx(record.llc[i], rel=1e-6)
            assert row["high"] - row["low"] == pytest.approx(
                2 * 1.96 * record.standard_error[i], rel=1e-4
            )
            assert row["verdict"] == record.verdicts[i]


def test_composition_norms_and_spectra_are_those_of_their_records(run):
    last = run.records("structure")[-1]
    record, step = last.record, last.step
    pairs = run.table("composition", steps=step)
    assert len(pairs) == 3 * np.isfinite(record.q_composition).sum()
    for row in pairs[pairs["by"] == "k"].itertuples():
        at = record.heads.index(row.source), record.heads.index(row.target)
        assert row.value == pytest.approx(record.k_composition[at], rel=1e-6)
        assert layers_of([row.source])[0] < layers_of([row.target])[0]
    norms = run.table("norms", steps=step)
    assert norms["size"].tolist() == pytest.approx(record.norm_size, rel=1e-6)
    spectra = run.table("spectra", steps=[step])
    for name, values in zip(record.embeddings, record.singular_values, strict=True):
        own = spectra[spectra["matrix"] == name]
        assert own["value"].tolist() == pytest.approx(values[np.isfinite(values)], rel=1e-6)
        assert own["place"].tolist() == list(range(1, len(own) + 1))


def test_loss_by_position_is_that_of_its_records(run):
    (last,) = run.records("context", run.steps[-1])
    table = run.table("positions", steps=run.steps[-1])
    assert table["loss"].tolist() == pytest.approx(last.record.loss_by_position, rel=1e-6)
    assert (table["low"] < table["loss"]).all()
    assert (table["loss"] < table["high"]).all()


def test_the_way_through_output_space_has_shares_that_fall(run):
    table = run.table("dynamics")
    axes = table.drop_duplicates("quantity").dropna(subset="explained")
    assert axes["quantity"].tolist() == [f"pc{k + 1}" for k in range(len(axes))]
    assert axes["explained"].is_monotonic_decreasing
    assert axes["explained"].sum() <= 1
    way = table.pivot(index="step", columns="quantity", values="value")
    assert way.index.tolist() == list(run.steps)
    far = way.filter(like="distance to ")
    assert (far.to_numpy() > 0).all()


def test_phases_follow_each_other_and_communities_are_counted(run):
    phases = run.table("phases", graph="unigram.zero")
    assert phases["first"].iloc[0] == run.steps[0]
    assert phases["last"].iloc[-1] == run.steps[-1]
    between = phases.iloc[1:]
    assert (between["first_low"] <= between["first"]).all()
    assert (between["first"] <= between["first_high"]).all()
    last = run.table("communities", graph="unigram.zero", steps=run.steps[-1])
    assert last["component"].tolist() == list(run.components("unigram.zero"))
    assert last["community"].nunique() > 1


def test_a_calibration_has_every_cell_and_one_choice_at_most(run):
    cells = run.table("calibration")
    measured = run.records("calibration")
    assert cells["llc"].notna().sum() == len(measured)
    chosen = cells[cells["chosen"]]
    settings = chosen[["sweep", "step_size", "nbeta", "gamma"]].drop_duplicates()
    assert settings["sweep"].is_unique
    assert chosen["usable"].all()
    assert (cells["problem"] == "").equals(cells["usable"])


def test_attention_of_a_query_sums_to_one(shipped):
    run = shipped.run("icl_regression")
    at = run.records("attention")[-1]
    table = run.attention(at.step, head="L1H2")
    sums = table.groupby(["prompt", "query"])["attention"].sum()
    assert sums.to_numpy() == pytest.approx(1, abs=5e-4)
    assert (table["key"] <= table["query"]).all()
    assert table["query_token"].iloc[0] == at.record.tokens[0][0]
    with pytest.raises(ontogeny.NotMeasured, match="is measured at"):
        run.attention(run.steps[1])


def test_an_approximation_says_how_it_agrees(shipped):
    run = shipped.run("stdlib_lm")
    table = run.table("agreement", graph="text.zero.attribution")
    assert table["rho"].between(-1, 1).all()
    assert (table["edges"] == len(run.edges(graph="text.zero"))).all()
    with pytest.raises(ontogeny.NotMeasured, match="is exact"):
        run.table("agreement")

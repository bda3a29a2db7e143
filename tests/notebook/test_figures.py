"""Figures for notebooks: what they plot, on axes that belong to the run."""

from __future__ import annotations

import numpy as np
import ontogeny
import plotly.graph_objects as go
import pytest
from ontogeny.places import place

from compute.store import Store
from dashboard.theme import Theme
from tests.dashboard import synthetic

RUN = synthetic.language_run(checkpoints=8)
FIRST, LAST = RUN.steps[0], RUN.steps[-1]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("figures") / "store"
    store = Store(place)
    synthetic.fill(store, RUN, missing=(("behaviour", 4),))
    store.close()
    with ontogeny.open_store(place) as opened:
        yield opened.run(RUN.name)


def foot(figure: go.Figure) -> str:
    return " ".join(a.text for a in figure.layout.annotations).replace("<br>", " ")


def test_curves_are_drawn_by_log_step_with_gaps_and_bands(run):
    figure = run.draw.curves("loss", "induction")
    line = next(t for t in figure.data if t.name == "loss" and t.mode == "lines+markers")
    values = run.curve("loss")["value"].to_numpy()
    assert np.array_equal(line.y, values.astype(np.float32), equal_nan=True)
    assert np.isnan(line.y[4])
    assert not line.connectgaps
    assert line.x == pytest.approx(np.log10(1 + np.array(RUN.steps)), rel=1e-6)
    assert any(t.name == "loss, 95 %" and t.fill == "toself" for t in figure.data)
    low, high = figure.layout.yaxis.range
    assert low <= np.nanmin(values) <= np.nanmax(values) <= high
    assert "256 held-out samples" in foot(figure)
    read = [t for t in figure.data if t.name == "loss" and t.text is not None]
    assert len(read[0].text) == np.isfinite(values).sum()
    assert read[0].text[-1].startswith(f"step {LAST:,}<br>loss ")


def test_the_graph_draws_the_heavy_edges_and_counts_the_others(run):
    figure = run.draw.graph(LAST, threshold=0.3)
    heavy = run.edges(LAST, threshold=0.3)
    every = run.edges(LAST)
    lines = [t for t in figure.data if t.mode == "lines"]
    assert sum(list(t.x).count(None) for t in lines) == len(heavy)
    told = next(t for t in figure.data if t.mode == "markers" and t.text is not None)
    assert [text.split("<br>")[0] for text in told.text] == [
        f"{e.source} → {e.target}" for e in heavy.itertuples()
    ]
    share = 100 * heavy["weight"].sum() / every["weight"].clip(lower=0).sum()
    assert f"{len(heavy)} of {len(every)} edges, {share:.0f} % of the weight, at least 0.3" in foot(
        figure
    )


def test_the_graph_stands_still_from_step_to_step(run):
    one, other = run.draw.graph(FIRST), run.draw.graph(LAST)

    def places(figure):
        named = (t for t in figure.data if t.mode == "markers+text")
        return [(t.text, tuple(t.x), tuple(t.y)) for t in named]

    assert places(one) == places(other)
    assert one.layout.xaxis.range == other.layout.xaxis.range
    height = {n.strip(): y for names, _, ys in places(one) for n, y in zip(names, ys, strict=True)}
    assert height["EMB"] < height["L0H0"] < height["L1H0"] < height["LOGITS"]


def test_heads_that_are_taken_apart_have_places_of_their_own():
    names = ("EMB", "L0RQ", "L0H0Q", "L0H0K", "L0H0V", "L0H0Z", "L0H1Q", "L0POST", "LOGITS")
    layout = place(names, np.array([-1, 0, 1, 1, 1, 2, 1, 3, 4], dtype=np.float32))
    spots = dict(zip(names, zip(layout.x.tolist(), layout.y.tolist(), strict=True), strict=True))
    assert len(set(spots.values())) == len(names)
    assert spots["L0H0Q"][0] < spots["L0H0K"][0] < spots["L0H0V"][0] < spots["L0H1Q"][0]
    assert spots["L0RQ"][0] < spots["L0H0Q"][0]
    assert spots["L0H0Z"][1] > spots["L0H0K"][1]
    assert max(x for x, _ in spots.values()) == spots["L0POST"][0] == layout.columns
    assert spots["EMB"][1] < spots["L0H0Q"][1] < spots["LOGITS"][1]


def test_a_selected_component_has_its_own_colour(run):
    figure = run.draw.graph(LAST, component="L1H2", theme="dark")
    selection = Theme("dark")["sel"]
    assert any(t.mode == "lines" and t.line.color == selection for t in figure.data)
    assert figure.layout.paper_bgcolor is None
    assert figure.layout.template.layout.paper_bgcolor == Theme("dark")["panel"]


def test_ranks_have_the_values_and_intervals_of_the_table_on_an_axis_of_the_run(run):
    figure = run.draw.ranks(LAST, by="out_strength")
    table = run.ranks(LAST, by="out_strength")
    points = [t.x[0] for t in figure.data if t.mode == "markers" and t.x[0] is not None]
    bars = [tuple(t.x) for t in figure.data if t.mode == "lines"]
    assert points == table["value"].tolist()
    assert bars == list(zip(table["low"], table["high"], strict=True))
    assert figure.layout.xaxis.range == run.draw.ranks(FIRST, by="out_strength").layout.xaxis.range
    assert figure.layout.yaxis.ticktext[0].endswith(table["component"].iloc[0])


def test_ranks_over_training_are_those_of_every_table(run):
    figure = run.draw.ranks_over_training(by="out_strength", top=5)
    lines = {t.name: t.y for t in figure.data if t.mode == "lines"}
    for i, step in enumerate(RUN.steps):
        table = run.ranks(step, by="out_strength").set_index("component")["rank"]
        assert set(table.index[table <= 5]) <= set(lines)
        assert all(y[i] == table[name] for name, y in lines.items())


def test_the_matrix_has_every_weight(run):
    figure = run.draw.matrix(LAST)
    cells = np.array(figure.data[0].z, dtype=float)
    table = run.matrix(LAST).to_numpy(dtype=float)
    assert np.array_equal(np.isnan(cells), np.isnan(table))
    assert cells[np.isfinite(cells)] == pytest.approx(table[np.isfinite(table)], abs=1e-4)
    assert figure.data[0].zmax == run.draw.matrix(FIRST).data[0].zmax


@pytest.mark.parametrize(
    "draw",
    [
        lambda r, theme: r.draw.curves("llc", theme=theme),
        lambda r, theme: r.draw.graph(theme=theme),
        lambda r, theme: r.draw.ranks(theme=theme),
        lambda r, theme: r.draw.ranks_over_training(theme=theme),
        lambda r, theme: r.draw.matrix(theme=theme),
    ],
)
def test_no_figure_looks_like_plotlys_own(run, draw):
    for scheme in ("light", "dark"):
        figure = draw(run, scheme)
        look = figure.layout.template.layout
        assert look.plot_bgcolor == Theme(scheme)["panel"]
        assert look.font.size == 13
        assert not look.xaxis.showgrid
        assert RUN.name in figure.layout.title.text
        assert "Ontogeny" in foot(figure)
        go.Figure(figure.to_dict())
    with pytest.raises(ontogeny.SettingsError, match="theme 'pink' is unknown"):
        draw(run, "pink")

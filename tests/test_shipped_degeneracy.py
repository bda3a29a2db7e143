"""What the guide says of calibrations, refined LLCs and curvature, read off the shipped records."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pytest
from scipy.stats import spearmanr

from compute.calibrating import sweeps
from compute.calibration import Calibration, Cell, Setting
from compute.llc_records import RefinedLLC
from compute.specs import llc_measurement, refined_measurement
from compute.store import Store
from dashboard.figures.refined import by_refinement, cluster_parts, effects
from dashboard.library import Library
from tests.test_shipped import NAMES, SHIPPED, by_step, require_quoted, store, verdicts

__all__ = ["store"]  # the fixture

Facts: TypeAlias = Callable[[Store], list[str]]


def calibration(store: Store, name: str) -> Calibration:
    (sweep,) = sweeps(store, store.run(name))
    return sweep.judged()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_run_is_measured_with_what_its_calibration_recommends(store: Store, name: str) -> None:
    choice = calibration(store, name).choice
    spec = llc_measurement(store.run(name)).llc
    assert choice == Setting(spec.step_size, spec.nbeta, spec.gamma)
    assert {m.spec for m in by_step(store, name, "llc").values()} == {
        llc_measurement(store.run(name))
    }


def test_what_is_not_healthy_in_stdlib_lm_comes_first(store: Store) -> None:
    found = by_step(store, "stdlib_lm", "llc")
    doubted = [found[s].record.verdict for s in sorted(found)][:5]
    assert doubted == ["not at a minimum"] * 3 + ["drifting"] * 2
    assert verdicts(found)["healthy"] == len(found) - 5


def cells_at(found: Calibration, setting: Setting) -> dict[int, Cell]:
    return {cell.step: cell for cell in found.cells if cell.setting == setting}


def counted(found: Calibration) -> tuple[int, int, int]:
    """How many cells there are, how many are healthy, and how many can be used."""
    healthy = sum(cell.verdict == "healthy" for cell in found.cells)
    return len(found.cells), healthy, sum(cell.usable for cell in found.cells)


def calibration_facts(store: Store) -> list[str]:
    language, regression = (calibration(store, name) for name in NAMES)
    chosen = cells_at(language, language.choice)
    longer = cells_at(language, language.choice._replace(step_size=3e-4))
    # What a line through both loses on its way to a step of zero, which is half of the difference.
    shares = [(longer[s].llc - chosen[s].llc) / 2 / chosen[s].llc for s in chosen]
    every, healthy, usable = counted(language)
    total, believed, good = counted(regression)
    in_both = {
        cell.setting for cell in language.cells
        if all(c.usable for c in cells_at(language, cell.setting).values())
    }  # fmt: skip
    hot = Setting(1e-4, 200.0, 3000.0)
    cool, warm = (
        cells_at(regression, hot._replace(step_size=eps))[10_945].llc for eps in (1e-5, 1e-4)
    )
    by_nbeta = [
        cells_at(language, language.choice._replace(nbeta=nbeta))[6_000].llc
        for nbeta in (100.0, 300.0, 1000.0)
    ]
    assert len(in_both) == 4
    assert cells_at(regression, hot)[10_945].verdict == "healthy"
    return [
        f"Of {every} cells at steps 301 and 6,000, {healthy} are healthy and {usable} usable",
        f"is {100 * min(shares):.1f} to {100 * max(shares):.1f} %",
        f"Of {total} cells at steps 10,945 and 100,000, {believed} are healthy and only {good}",
        f"λ̂ is {cool:.0f} at ε 0.00001 and {warm:.0f} at ε 0.0001",
        "it is {:.0f} at n β 100, {:.0f} at 300 and {:.0f} at 1,000".format(*by_nbeta),
    ]


def refined_facts(store: Store) -> list[str]:
    """What the guide says of refined LLCs of heads, read off the records as the page does."""
    found = by_step(store, "stdlib_lm", "refined")
    last = found[6_000].record
    development = Library(store).development("stdlib_lm")
    (curves,) = by_refinement(development.curves).values()
    clusters = cluster_parts(development.run.steps, curves)
    together = effects(curves, development.graphs["text.zero"])["loss_change"]
    rho = {
        step: f"{together.rho[i]:.2f} ({together.low[i]:.2f} to {together.high[i]:.2f})".replace(
            "-", "−"
        )
        for i, step in enumerate(development.run.steps)
    }
    top, bottom = (int(i) for i in (last.llc.argmax(), last.llc.argmin()))
    previous = last.parts.index("L2H3")
    early, late = (found[step].record for step in (165, 606))
    assert clusters.k == 1
    return [
        f"measured at {len(found)} checkpoints",
        f"largest for `{last.parts[top]}` ({value(last, top)}) and smallest for "
        f"`{last.parts[bottom]}` ({value(last, bottom)}), with a median of {median(last):.1f}",
        f"`L2H3` ends at {value(last, previous)}",
        f"from {value(early, previous)} at step 165 to {value(late, previous)} at step 606, while "
        f"the median goes from {median(early):.1f} to {median(late):.1f}",
        f"is {rho[165]} at step 165, {rho[2_200]} at 2,200 and {rho[6_000]} at 6,000",
        f"silhouette {clusters.silhouette:.2f}, by chance up to {clusters.chance:.2f}",
    ]


def median(record: RefinedLLC) -> float:
    return float(np.median(record.llc))


def value(record: RefinedLLC, part: int) -> str:
    return f"{record.llc[part]:.1f} ± {1.96 * record.standard_error[part]:.1f}"


def curvature_facts(store: Store) -> list[str]:
    """What the guide says of curvature beside the LLC, read off the records."""
    facts = []
    for name in NAMES:
        found = by_step(store, name, "curvature")
        llc = by_step(store, name, "llc")
        last = max(found)
        spec = llc[last].spec.llc
        half = spec.nbeta * found[last].record.trace / (2 * spec.gamma)
        trace = found[last].record
        facts.append(
            f"tr(H) is {trace.trace:,.0f} ± {1.96 * trace.trace_error:,.0f} at step {last:,}, and "
            f"n β tr(H) / 2γ {100 * half / llc[last].record.llc:.0f} % of λ̂"
        )
        believed = [s for s in found if llc[s].record.verdict == "healthy"]
        pair = [
            [float(getattr(of[s].record, field)) for s in believed]
            for of, field in ((found, "trace"), (llc, "llc"))
        ]
        facts.append(
            f"rank correlation {spearmanr(*pair).statistic:.2f} with λ̂ over {len(believed)}"
        )
    facts += heads_of_regression(store)
    return facts


def heads_of_regression(store: Store) -> list[str]:
    rounded = by_step(store, "icl_regression", "refined")
    peak, end = (rounded[step].record for step in (11_930, 100_000))
    first = peak.parts.index("L0H3")
    assert int(peak.llc.argmax()) == int(end.llc.argmax()) == first
    return [
        f"`L0H3` ({value(peak, first)} at step 11,930, {value(end, first)} at 100,000, of the "
        f"{len(rounded)} checkpoints measured)"
    ]


def attention_facts(store: Store) -> list[str]:
    """What the guide says of heads and curvature in ``attention_only``, and of its sweep."""
    refined, curved, llc = (
        by_step(store, "attention_only", kind) for kind in ("refined", "curvature", "llc")
    )
    last = max(refined)
    end = refined[last].record
    top, bottom = (int(i) for i in (end.llc.argmax(), end.llc.argmin()))
    one, other = (end.parts.index(part) for part in ("L0H7", "L1H2"))
    trace = curved[last].record
    spec = llc[last].spec.llc
    half = spec.nbeta * trace.trace / (2 * spec.gamma)
    believed = [s for s in curved if llc[s].record.verdict == "healthy"]
    pair = [[float(curved[s].record.trace) for s in believed],
            [float(llc[s].record.llc) for s in believed]]  # fmt: skip
    found = calibration(store, "attention_only")
    every, healthy, usable = counted(found)
    return [
        f"at {len(refined)} checkpoints; at step {last:,} it is largest for `{end.parts[top]}` "
        f"({value(end, top)}) and smallest for `{end.parts[bottom]}` ({value(end, bottom)}), with "
        f"a median of {median(end):.1f}; `L0H7` has {value(end, one)}, `L1H2` {value(end, other)}",
        f"At {len(curved)} checkpoints, tr(H) is {trace.trace:,.0f} ± "
        f"{1.96 * trace.trace_error:,.0f} at step {last:,}, and n β tr(H) / 2γ "
        f"{100 * half / llc[last].record.llc:.0f} % of λ̂; its rank correlation with λ̂ is "
        f"{spearmanr(*pair).statistic:.2f} over {len(believed)} healthy checkpoints",
        f"Of {every} cells at steps 2,000 and 8,000, {healthy} are healthy and {usable} usable",
    ]


@pytest.mark.parametrize("name", SHIPPED)
def test_refined_llcs_of_every_head_and_curvature_are_there(store: Store, name: str) -> None:
    run = store.run(name)
    refined, curved = (by_step(store, name, kind) for kind in ("refined", "curvature"))
    fewest = (14, 25) if name == "attention_only" else (25, 25)
    assert len(refined) >= fewest[0]
    assert len(curved) >= fewest[1]
    assert {m.spec for m in refined.values()} == {refined_measurement(run)}
    (parts,) = {m.record.parts for m in refined.values()}
    assert len(parts) == (8 if name == "icl_regression" else 16)


@pytest.mark.parametrize(
    "facts", [calibration_facts, refined_facts, curvature_facts, attention_facts]
)
def test_the_guide_says_what_the_records_show(store: Store, facts: Facts) -> None:
    require_quoted(facts(store))

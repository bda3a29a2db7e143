"""The curves of a run's loss landscape: its LLC, refined LLCs, curvature, and what was imported."""

from __future__ import annotations

from compute.llc_records import LLCEstimate, RefinedLLC
from compute.llc_specs import LLCMeasurement, RefinedMeasurement
from compute.records import Curvature, ImportedValue
from compute.runs import Run
from compute.specs import (
    CurvatureMeasurement,
    ImportedMeasurement,
    Measurement,
    standard_measurements,
)
from dashboard.figures.curves import (
    curvature_curves,
    imported_curve,
    llc_curves,
    refined_curves,
)
from dashboard.figures.series import Curve
from dashboard.labels import curvature_text, imported_text, llc_text, refined_text
from dashboard.points import Groups, Kept, of_kind

UNMEASURED = "not measured yet"


def degeneracy_curves(run: Run, groups: Groups) -> list[Curve]:
    """Return every curve of the landscape; settings that differ are different curves."""
    return [
        *_llc(run, groups),
        *_refined(run, groups),
        *_curvature(run, groups),
        *_imported(run, groups),
    ]


def _llc(run: Run, groups: Groups) -> list[Curve]:
    """Return the LLC by every setting, that of the run first."""
    curves: list[Curve] = []
    found = llc_settings(run, groups)
    if not found:
        return llc_curves(run.steps, {}, settings=UNMEASURED)
    for i, (spec, at) in enumerate(found):
        assert isinstance(spec, LLCMeasurement)
        records = {t: v for t, v in at.items() if isinstance(v, LLCEstimate)}
        curves += llc_curves(
            run.steps, records, settings=llc_text(spec), suffix=f"~{i + 1}" if i else ""
        )
    return curves


def llc_settings(run: Run, groups: Groups) -> list[tuple[Measurement, dict[int, Kept]]]:
    """Return the groups of LLCs in the order of their curves: that of the run first."""
    standard = standard_measurements(run)
    return sorted(of_kind(groups, LLCMeasurement), key=lambda group: group[0] not in standard)


def _refined(run: Run, groups: Groups) -> list[Curve]:
    """Return the refined LLC of every part, by every setting; none where nobody asked for it."""
    curves: list[Curve] = []
    for i, (spec, at) in enumerate(of_kind(groups, RefinedMeasurement)):
        assert isinstance(spec, RefinedMeasurement)
        records = {t: v for t, v in at.items() if isinstance(v, RefinedLLC)}
        curves += refined_curves(
            run.steps, records, settings=refined_text(spec), suffix=f"~{i + 1}" if i else ""
        )
    return curves


def _curvature(run: Run, groups: Groups) -> list[Curve]:
    """Return the curves of curvature; none where nobody asked for it."""
    curves: list[Curve] = []
    for i, (spec, found) in enumerate(of_kind(groups, CurvatureMeasurement)):
        assert isinstance(spec, CurvatureMeasurement)
        records = {t: v for t, v in found.items() if isinstance(v, Curvature)}
        curves += curvature_curves(
            run.steps, records, settings=curvature_text(spec), suffix=f"~{i + 1}" if i else ""
        )
    return curves


def _imported(run: Run, groups: Groups) -> list[Curve]:
    """Return the curves of files, by name, source and file."""
    found: list[tuple[tuple[str, str, str], Curve]] = []
    for digest, (spec, points) in groups.items():
        if isinstance(spec, ImportedMeasurement):
            records = {t: v for t, v in points.items() if isinstance(v, ImportedValue)}
            curve = imported_curve(
                run.steps, records, name=spec.name, digest=digest, settings=imported_text(spec)
            )
            found.append(((spec.name, spec.source, spec.file), curve))
    return [curve for _, curve in sorted(found, key=lambda pair: pair[0])]

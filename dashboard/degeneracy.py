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
from dashboard.points import Groups, Kept, curves_by_setting, of_kind

UNMEASURED = "not measured yet"


def degeneracy_curves(run: Run, groups: Groups) -> list[Curve]:
    """Return every curve of the landscape; settings that differ are different curves.

    Where nobody asked for a refined LLC or for curvature, there is none of it; the LLC is there,
    empty.
    """
    refined, curvature = (of_kind(groups, k) for k in (RefinedMeasurement, CurvatureMeasurement))
    return [
        *(
            curves_by_setting(
                run.steps, llc_settings(run, groups), LLCEstimate, llc_curves, llc_text
            )
            or llc_curves(run.steps, {}, settings=UNMEASURED)
        ),
        *curves_by_setting(run.steps, refined, RefinedLLC, refined_curves, refined_text),
        *curves_by_setting(run.steps, curvature, Curvature, curvature_curves, curvature_text),
        *_imported(run, groups),
    ]


def llc_settings(run: Run, groups: Groups) -> list[tuple[Measurement, dict[int, Kept]]]:
    """Return the groups of LLCs in the order of their curves: that of the run first."""
    standard = standard_measurements(run)
    return sorted(of_kind(groups, LLCMeasurement), key=lambda group: group[0] not in standard)


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

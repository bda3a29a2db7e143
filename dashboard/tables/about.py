"""What tables and graphs are of, and rest on; and what measures what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.tables.asked import Asked


def about_run(asked: Asked, **more: Any) -> dict[str, Any]:
    """Return what a table or a graph is of: the run, where it comes from, and ``more``."""
    run = asked.run
    told: dict[str, Any] = {
        "run": run.name,
        "family": run.family,
        "source": run.source,
        "location": "" if run.source == "folder" else run.location,
        "summary": run.summary,
        "licence": run.licence,
        "text_digest": run.data_digest,
        "made_by": "Ontogeny",
    }
    if run.seed is not None:
        told["seed"] = run.seed
    if "step" in more and run.tokens_per_step:
        told["tokens"] = more["step"] * run.tokens_per_step
    return told | {key: _plain(value) for key, value in more.items()}


def about_graph(asked: Asked, *, at_step: bool = True, **more: Any) -> dict[str, Any]:
    """Return what a table of the graph is of: of one checkpoint, unless it is not ``at_step``."""
    series = asked.series
    told: dict[str, Any] = {"graph": asked.graph}
    if at_step:
        told["step"] = asked.step()
    settings = {"settings": series.settings, "metric_settings": series.node_settings}
    return about_run(asked, **told, **settings, **more)


def graph_missing(asked: Asked, what: str) -> str:
    """Return that something of a graph is not measured at the checkpoint; what measures it."""
    return (
        f"{what} of {asked.name} ({asked.graph}) is not measured at step {asked.step():,}; measure "
        f"it: ontogeny compute {asked.name} --kinds graph,network --steps {asked.step()}"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return list(value) if isinstance(value, tuple) else value

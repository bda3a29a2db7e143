"""Which tables there are: what each holds, what it reads of a query, and who makes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from compute.errors import AskedError
from compute.specs import key_parts
from dashboard.tables import behaviour, curves, degeneracy, edges, findings, network
from dashboard.tables.asked import Asked, known_name
from dashboard.tables.sources import Sources
from dashboard.tables.table import Column, Table


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableKind:
    """One kind of table.

    Attributes
    ----------
    id
        In addresses and in Python.
    label, meaning
        What it is called, and what its rows are, for people.
    reads
        The query keys that it reads.
    at_step
        Whether it is of one checkpoint, the last one unless another is asked for.
    needs
        The kinds of records of which it needs one at least.
    columns
        As documented; a matrix has one for each component.
    """

    id: str
    label: str
    meaning: str
    reads: tuple[str, ...]
    columns: tuple[Column, ...]
    make: Callable[[Asked], Table]
    at_step: bool = False
    needs: tuple[str, ...] = ()


def _kind(
    make: Callable[[Asked], Table], columns: tuple[Column, ...], label: str, reads: str,
    meaning: str, *, at_step: bool = False, needs: str = "",
) -> TableKind:  # fmt: skip
    return TableKind(
        id=make.__name__, label=label, meaning=meaning, reads=tuple(reads.split()),
        columns=columns, make=make, at_step=at_step, needs=tuple(needs.split()),
    )  # fmt: skip


_EVERY = (
    _kind(curves.curves, curves.CURVES, "Curves", "curves graph steps",
          "A row for each curve and checkpoint; without a value where none is measured."),
    _kind(curves.behaviours, curves.CURVES, "Losses and behaviours", "steps",
          "The same of losses and behaviours, without those of single heads."),
    _kind(curves.network, curves.NETWORK, "Graph metrics", "graph steps",
          "A row for each metric of the whole graph and checkpoint.",
          needs="graph"),
    _kind(network.ranks, network.RANKS, "Ranks", "graph step metric",
          "The components of one checkpoint by one metric, the first rank first.",
          at_step=True, needs="graph"),
    _kind(network.metrics, network.METRIC_ROWS, "Metrics of components",
          "graph steps metrics components", "A row for each metric, checkpoint and component.",
          needs="graph"),
    _kind(network.effects, network.EFFECTS, "Effects of removal", "graph steps components",
          "What removing a component changes in loss and logit, at each checkpoint.",
          needs="graph"),
    _kind(edges.edges, edges.EDGES, "Edges", "graph step threshold top",
          "The edges of one checkpoint's graph, heaviest first.",
          at_step=True, needs="graph"),
    _kind(edges.matrix, edges.MATRIX, "Adjacency matrix", "graph step",
          "The weights of one checkpoint, a row for each source.",
          at_step=True, needs="graph"),
    _kind(edges.agreement, edges.AGREEMENT, "Agreement with the exact graph", "graph",
          "Of an approximate graph, at each checkpoint.",
          needs="graph"),
    _kind(findings.communities, findings.COMMUNITIES, "Communities", "graph steps",
          "The community of each component at each checkpoint.",
          needs="network"),
    _kind(findings.phases, findings.PHASES, "Phases of the graph", "graph",
          "A row for each phase of a graph's metrics over training.",
          needs="network"),
    _kind(curves.refined, curves.REFINED, "Refined LLC", "refined steps components",
          "A row for each part and checkpoint at which it is measured.",
          needs="refined"),
    _kind(degeneracy.verdicts, degeneracy.VERDICTS, "LLC with diagnostics", "llc steps",
          "A row for each checkpoint's estimate.",
          needs="llc"),
    _kind(degeneracy.checks, degeneracy.CHECKS, "Checks of an estimate", "llc step",
          "A row for each diagnostic of one estimate, as the Chains page shows it.",
          at_step=True, needs="llc"),
    _kind(degeneracy.draws, degeneracy.DRAWS, "Draws of the chains", "llc step",
          "A row for each kept draw of each chain of one estimate.",
          at_step=True, needs="llc"),
    _kind(degeneracy.calibration, degeneracy.CALIBRATION, "Calibration", "steps",
          "A row for each cell of the run's sweeps.",
          needs="calibration"),
    _kind(curves.heads, curves.HEADS, "Scores of heads", "steps components",
          "A row for each head, score and checkpoint.",
          needs="behaviour structure"),
    _kind(findings.stages, findings.STAGES, "Stages", "curve",
          "A row for each stage of a curve of the run."),
    _kind(findings.boundaries, findings.BOUNDARIES, "Boundaries of stages", "curve",
          "A row for each critical point and change of slope of a curve of the run."),
    _kind(findings.coincidence, findings.COINCIDENCE, "Tests of coincidence", "graph",
          "A row for each test of the Coincidence page. The first time takes a minute or more."),
    _kind(findings.dynamics, findings.DYNAMICS, "Essential dynamics", "steps",
          "A row for each axis or distance and checkpoint, of the run by itself.",
          needs="outputs"),
    _kind(behaviour.positions, behaviour.POSITIONS, "Loss by position", "steps",
          "A row for each position of the context and checkpoint.",
          needs="context behaviour"),
    _kind(behaviour.composition, behaviour.COMPOSITION, "Composition of heads", "steps",
          "A row for each pair of heads, way of composing, and checkpoint.",
          needs="structure"),
    _kind(behaviour.spectra, behaviour.SPECTRA, "Spectra of embeddings", "steps",
          "A row for each singular value and checkpoint.",
          needs="structure"),
    _kind(behaviour.norms, behaviour.NORMS, "Layer norms", "steps",
          "A row for each layer norm and checkpoint.",
          needs="structure"),
    _kind(behaviour.attention, behaviour.ATTENTION, "Attention of a head", "step component",
          "A row for each pair of positions of each prompt, at one checkpoint.",
          at_step=True, needs="attention"),
    _kind(behaviour.coverage, behaviour.COVERAGE, "Coverage", "steps",
          "A row for each measurement and checkpoint."),
    _kind(behaviour.failures, behaviour.FAILURES, "Failures", "steps",
          "A row for each measurement that failed."),
)  # fmt: skip
TABLES: Mapping[str, TableKind] = {kind.id: kind for kind in _EVERY}


def make_table(sources: Sources, run: str, table: str, query: Mapping[str, str]) -> Table:
    """Return a table of a run.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    UnknownName
        If there is no such table, or the run has no graph, curve, component or step as asked for.
    NotMeasured, TooMuch, SettingsError
        If it is not measured, would be too large, or a setting is no number.
    """
    kind = TABLES[known_name("there is no table", table, TABLES)]
    made = kind.make(Asked(sources, run, {k: v for k, v in query.items() if k in kind.reads}))
    about = {"table": kind.id, "label": kind.label} | dict(made.about)
    return dataclasses.replace(made, about=about)


def lacks(sources: Sources, run: str, kind: TableKind, query: Mapping[str, str]) -> str:
    """Return why a table cannot be given, or "": told from what is measured, without making it.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    """
    asked = Asked(sources, run, query)
    keys = [key for needed in kind.needs for key in sources.store.keys(run, needed)]
    if kind.needs and not keys:
        return f"not measured: ontogeny compute {run} --kinds {kind.needs[0]}"
    try:
        if kind.id == "attention" and asked.step() not in {key_parts(key).step for key in keys}:
            return "not measured at this step"
        if kind.id == "agreement" and asked.series.agreement is None:
            return "only of an approximate graph"
        if (
            kind.id == "positions"
            and asked.run.family == "language"
            and not sources.store.keys(run, "context")
        ):
            return f"not measured: ontogeny compute {run} --kinds context"
    except AskedError as error:
        return str(error)
    return ""

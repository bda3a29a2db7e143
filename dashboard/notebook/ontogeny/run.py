"""One run in a notebook: its tables, its graphs, its records and its figures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from compute.records import Measured
from compute.runs import Run as Entry
from compute.specs import MEASUREMENTS, key_parts
from dashboard.development import Development
from dashboard.tables.asked import KEYS, Asked, known_name
from dashboard.tables.curves import kind_of_curve
from dashboard.tables.graphs import digraph
from dashboard.tables.registry import TABLES, lacks, make_table
from dashboard.tables.sources import Sources
from ontogeny.draw import Draw
from ontogeny.frames import frame

if TYPE_CHECKING:
    import networkx as nx

Setting: TypeAlias = "str | int | float | Iterable[str | int] | None"


class Run:
    """A run of a store, as it is when it is asked.

    Every method that takes a ``graph`` takes its name in the pages' addresses, such as
    ``text.zero`` (`graphs` lists them), and the first without it; a ``step`` is the training step
    of a checkpoint (`steps`), the last one without it.

    Attributes
    ----------
    name
        In the store and in addresses.
    draw
        The run's figures.
    """

    def __init__(self, sources: Sources, name: str) -> None:
        self._sources = sources
        self.name = name
        self.draw = Draw(self.asked)

    def __repr__(self) -> str:
        steps = self.steps
        span = f", steps {steps[0]:,} to {steps[-1]:,}" if steps else ""
        return f"<Ontogeny run {self.name}: {len(steps)} checkpoints{span}>"

    # -- what there is ---------------------------------------------------------------------

    @property
    def about(self) -> Entry:
        """The run's entry in the catalogue: source, family, licence, summary, seed."""
        return self.development.run

    @property
    def development(self) -> Development:
        """Everything that the pages show of the run, as they hold it."""
        return self._sources.development(self.name)

    @property
    def steps(self) -> tuple[int, ...]:
        """The training steps of its checkpoints."""
        return self.development.run.steps

    @property
    def graphs(self) -> list[str]:
        """The names of its graphs."""
        return list(self.development.graphs)

    def components(self, graph: str | None = None) -> tuple[str, ...]:
        """Return the components of a graph, from the input to the output."""
        return self.asked(graph=graph).series.components

    def curves(self, graph: str | None = None) -> pd.DataFrame:
        """Return which curves there are, one a row, by id.

        ``kind`` is that of the records which a curve is read from, ``measured`` at how many
        checkpoints it has a value.
        """
        found = self.asked(graph=graph).every_curve()
        rows = [
            {
                "curve": c.id, "name": c.name, "unit": c.unit, "group": c.group,
                "kind": kind_of_curve(c), "component": c.component or "",
                "measured": int((c.values == c.values).sum()), "setting": c.settings,
            }
            for c in found
        ]  # fmt: skip
        return pd.DataFrame(rows).set_index("curve")

    def tables(self) -> pd.DataFrame:
        """Return which tables there are, one a row: what each reads, and why it is empty if so."""
        rows = [
            {
                "table": kind.id, "label": kind.label, "reads": ", ".join(kind.reads),
                "meaning": kind.meaning, "reason": lacks(self._sources, self.name, kind, {}),
            }
            for kind in TABLES.values()
        ]  # fmt: skip
        return pd.DataFrame(rows).set_index("table")

    # -- tables ----------------------------------------------------------------------------

    def table(self, table: str, **settings: Setting) -> pd.DataFrame:
        """Return a table, as the pages export it; `tables` lists them and what each reads.

        Parameters
        ----------
        settings
            As in addresses: text, numbers, or lists of them for the plural ones.

        Raises
        ------
        UnknownName
            If there is no such table or setting, or the run has no graph, curve, component or
            step of that name; says the nearest known ones.
        NotMeasured
            If it is not measured; says what measures it.
        TooMuch, SettingsError
            If it would be too large, or a setting is no number.
        """
        known_name("there is no table", table, TABLES)
        for name in settings:
            known_name(f"table {table!r} has no setting", name, TABLES[table].reads)
        return frame(make_table(self._sources, self.name, table, _query(settings)))

    def curve(self, curve: str = "llc", *, graph: str | None = None) -> pd.DataFrame:
        """Return a curve by step: ``value``, ``low``, ``high``, ``state``, ``verdict``, ``reason``.

        A checkpoint without a value is a row of NaN whose state says missing, or failed. ``attrs``
        has the curve's ``name``, ``unit`` and ``setting``.
        """
        found = self._table("curves", curves=[curve], graph=graph)
        told = {name: found[name].iloc[0] for name in ("name", "unit", "setting", "group")}
        kept = ["value", "low", "high", "state", "verdict", "reason"]
        made = found.set_index("step")[kept]
        made.attrs = {**found.attrs, "curve": curve, **{k: str(v) for k, v in told.items()}}
        return made

    def ranks(
        self, step: int | None = None, *, by: str | None = None, graph: str | None = None
    ) -> pd.DataFrame:
        """Return the components of a checkpoint by a metric, the first rank first.

        With value, interval, z and p against the layer null, and the interval of the rank.
        """
        return self._table("ranks", step=step, metric=by, graph=graph)

    def metrics(
        self, step: int | None = None, *, metric: str | None = None, graph: str | None = None
    ) -> pd.DataFrame:
        """Return the metrics of components at a checkpoint, or at all of them without a step."""
        return self._table("metrics", steps=step, metrics=metric, graph=graph)

    def edges(
        self,
        step: int | None = None,
        *,
        graph: str | None = None,
        threshold: float | None = None,
        top: int | None = None,
    ) -> pd.DataFrame:
        """Return the edges of a checkpoint, heaviest first."""
        return self._table("edges", step=step, graph=graph, threshold=threshold, top=top)

    def matrix(self, step: int | None = None, *, graph: str | None = None) -> pd.DataFrame:
        """Return the adjacency matrix of a checkpoint: rows are sources, columns targets."""
        found = self._table("matrix", step=step, graph=graph)
        made = found.set_index("source")
        made.columns.name = "target"
        return made

    def effects(self, step: int | None = None, *, graph: str | None = None) -> pd.DataFrame:
        """Return what removing each component changes, at a checkpoint or at all of them."""
        return self._table("effects", steps=step, graph=graph)

    def heads(self, step: int | None = None) -> pd.DataFrame:
        """Return the scores of every head, at a checkpoint or at all of them."""
        return self._table("heads", steps=step)

    def refined(self, step: int | None = None, *, refined: str | None = None) -> pd.DataFrame:
        """Return the refined LLC of every part, at a checkpoint or wherever it is measured."""
        return self._table("refined", steps=step, refined=refined)

    def verdicts(self, step: int | None = None, *, llc: str | None = None) -> pd.DataFrame:
        """Return the LLC with all its diagnostics, at a checkpoint or at all of them."""
        return self._table("verdicts", steps=step, llc=llc)

    def draws(self, step: int | None = None, *, llc: str | None = None) -> pd.DataFrame:
        """Return every draw of every chain of one estimate of the LLC."""
        return self._table("draws", step=step, llc=llc)

    def stages(self, curve: str = "llc") -> pd.DataFrame:
        """Return the stages of a curve of the run; `boundaries` has what lies between."""
        return self._table("stages", curve=curve)

    def boundaries(self, curve: str = "llc") -> pd.DataFrame:
        """Return the critical points and changes of slope of a curve of the run."""
        return self._table("boundaries", curve=curve)

    def attention(self, step: int | None = None, *, head: str | None = None) -> pd.DataFrame:
        """Return one head's attention on every prompt of a checkpoint."""
        return self._table("attention", step=step, component=head)

    # -- graphs and records ----------------------------------------------------------------

    def graph(
        self,
        step: int | None = None,
        *,
        graph: str | None = None,
        threshold: float | None = None,
        top: int | None = None,
    ) -> nx.DiGraph:
        """Return the ablation graph of a checkpoint, from the ablated component to the changed.

        Nodes have layer, kind, effects and metrics, edges weight and standard error, and
        ``graph`` what they rest on: `dashboard.tables.graphs.digraph`.
        """
        query = _query({"step": step, "graph": graph, "threshold": threshold, "top": top})
        return digraph(self._sources, self.name, query)

    def records(self, kind: str, step: int | None = None) -> list[Measured]:
        """Return the raw records of a kind, in the order of steps: spec, step and record.

        Raises
        ------
        UnknownName
            If there is no such kind.
        BadRecord
            If one is damaged.
        """
        known_name("there is no kind of record", kind, MEASUREMENTS)
        keys = [
            key for key in self._sources.store.keys(self.name, kind)
            if step is None or key_parts(key).step == step
        ]  # fmt: skip
        found = [self._sources.record(key) for key in sorted(keys, key=lambda k: key_parts(k).step)]
        return [measured for measured in found if measured is not None]

    # --------------------------------------------------------------------------------------

    def _table(self, table: str, **settings: Setting) -> pd.DataFrame:
        return frame(make_table(self._sources, self.name, table, _query(settings)))

    def asked(self, **settings: Setting) -> Asked:
        """Return the run with settings: what its tables and figures are made from."""
        return Asked(self._sources, self.name, _query(settings))


def _query(settings: dict[str, Any]) -> dict[str, str]:
    """Return settings as addresses have them; None is not given."""
    given = {key: settings[key] for key in KEYS if settings.get(key) is not None}
    return {key: _text(value) for key, value in given.items()}


def _text(value: Setting) -> str:
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(str(part) for part in value)
    return str(value)

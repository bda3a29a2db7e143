"""The data behind every figure, as files: tables and graphs of a run, and the code that gets them.

Addresses are for people, scripts and the menus of panels alike, and stay as they are. All lie below
``{prefix}export/<run>/``:

``tables.json``
    Which tables there are: id, label, the query keys that each reads, its columns with unit and
    meaning, why it is empty (``reason``, else ""), and with the query that was given the ``files``
    by format, the ``code`` that gets the same in Python, and ``graphs``, the same for graph files.
    Give it the query of the page, and its answer is the page's menu.
``<table>.csv``, ``<table>.json``, ``<table>.parquet``
    One table.
``<table>.py``
    The lines of Python that get the same table.
``graph.graphml``, ``graph.gexf``, ``graph.json``, ``graph.py``
    One ablation graph, for networkx, Gephi, or as node-link JSON; the lines that get it.

Query keys are of two sorts. Those in the singular are the pages' own and choose one thing: a page's
query can be given as it is. Those in the plural are of this module: lists, separated by commas,
of what alone shall be in a table that otherwise holds all. Keys that a table does not read are
ignored; unknown names are refused, with the nearest known ones.

========== ======================================================================================
key        what it chooses, and what is taken where it is not given
========== ======================================================================================
graph      a graph by its name in addresses; the first of the menu
step       a checkpoint's training step, exactly; the last one
metric     a metric of components; the first
component  a head; the first
curve      a curve of the run; the LLC
llc        a setting of the LLC, by the id of its curve; ``llc``
refined    a setting of refined LLCs, by its id; the first
threshold  edges at least so heavy; all
top        at most so many edges, the heaviest, or ``all``; all
curves     ids of curves of the run and of the graph; all
steps      training steps of checkpoints; all
metrics    metrics of components; all
components names of components; all
========== ======================================================================================

=============== =============================== ================================================
table           reads                           rows
=============== =============================== ================================================
curves          curves, graph, steps            one for each curve and checkpoint, gaps too
behaviours      steps                           the same, of losses and behaviours only
network         graph, steps                    graph metrics at each checkpoint
ranks           graph, step, metric             components at one checkpoint, first rank first
metrics         graph, steps, metrics,          every metric of every component
                components
effects         graph, steps, components        change of loss and logit by removing a component
edges           graph, step, threshold, top     edges at one checkpoint, heaviest first
matrix          graph, step                     the adjacency matrix, a row for each source
agreement       graph                           an approximation against the exact graph
communities     graph, steps                    the community of each component
phases          graph                           the phases of a graph over training
refined         refined, steps, components      refined LLC of every part, with its verdict
verdicts        llc, steps                      the LLC, its diagnostics and verdict
checks          llc, step                       the checks of one estimate, as shown
draws           llc, step                       every draw of every chain of one estimate
calibration     steps                           every cell of the run's sweeps
heads           steps, components               the scores of every head
stages          curve                           stages of a curve
boundaries      curve                           critical points and changes of slope of a curve
coincidence     graph                           every test of the page, corrected together
dynamics        steps                           the way through the space of outputs
positions       steps                           loss by position, or by pair
composition     steps                           how pairs of heads compose
spectra         steps                           singular values of embeddings
norms           steps                           what layer norms multiply with
attention       step, component                 one head's attention on every prompt
coverage        steps                           what is measured, failed, missing
failures        steps                           measurements that failed, with the reason
=============== =============================== ================================================

Errors are pages in words: 400 for a setting that cannot be, 404 for a name that is not known (with
the nearest ones) or what is not measured (with the command that measures it), 413 for too much.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, jsonify, request
from markupsafe import escape

from compute.errors import (
    AskedError,
    NotMeasured,
    OntogenyError,
    SettingsError,
    TooMuch,
    UnknownName,
)
from dashboard.context import Context
from dashboard.security import plain_page
from dashboard.tables import graphs
from dashboard.tables.asked import KEYS
from dashboard.tables.code import GRAPH, code_for
from dashboard.tables.files import MIMETYPES, WRITERS, file_name, write
from dashboard.tables.registry import TABLES, TableKind, lacks, make_table
from dashboard.tables.sources import Sources

CODE = "text/plain; charset=utf-8"
LONGEST_SETTING = 2_000
REFUSALS: Mapping[type[OntogenyError], tuple[int, str]] = {
    UnknownName: (404, "No such thing"),
    NotMeasured: (404, "Not measured"),
    TooMuch: (413, "Too much for one file"),
}


def register(server: Flask, context: Context, sources: Sources, *, guarded: bool) -> None:
    """Add the routes to the server.

    Parameters
    ----------
    guarded
        Whether visitors may come from elsewhere: they are not told where the store's folder is.
    """
    place = f"{context.prefix}export/<run>"
    folder = sources.store.folder
    store = folder.name if guarded else str(folder.resolve())

    @server.get(f"{place}/tables.json")
    def tables(run: str) -> Response:
        where = f"{context.prefix}export/{run}"
        response: Response = jsonify(menu(sources, run, _query(), where=where, store=store))
        response.headers["Cache-Control"] = "no-store"
        return response

    @server.get(f"{place}/graph.<any(graphml, gexf, json):form>")
    def graph(run: str, form: str) -> Response:
        return _told(lambda: _graph_answer(sources, run, _query(), form))

    @server.get(f"{place}/<table>.<any(csv, json, parquet):form>")
    def table(run: str, table: str, form: str) -> Response:
        describes = f"{context.prefix}export/{run}/tables.json"
        return _told(lambda: _table_answer(sources, run, table, _query(), form, describes))

    @server.get(f"{place}/<path:rest>")
    def nothing(run: str, rest: str) -> Response:
        sources.store.run(run)
        text = (
            f"Tables end in .{', .'.join(WRITERS)} or .py; graphs in .{', .'.join(graphs.FORMS)}."
        )
        return plain_page(404, "No such file", text)

    @server.get(f"{place}/<table>.py")
    def code(run: str, table: str) -> Response:
        sources.store.run(run)
        return _told(lambda: _file(code_for(table, _query(), run=run, store=store).encode(), CODE))


def _query() -> dict[str, str]:
    """Return the settings of the address; one that is too long to be meant is left out."""
    given = {key: request.args.get(key, "") for key in KEYS}
    return {key: text for key, text in given.items() if text and len(text) <= LONGEST_SETTING}


def menu(
    sources: Sources, run: str, query: Mapping[str, str], *, where: str, store: str
) -> dict[str, Any]:
    """Return what can be exported of a run, with the addresses and the code for a query.

    Parameters
    ----------
    where
        The path below which the addresses lie.
    store
        What the code opens.

    Raises
    ------
    RunNotFound
        If the store has no run of that name.
    """
    development = sources.development(run)
    every = [_entry(sources, run, kind, query, where, store) for kind in TABLES.values()]
    return {
        "run": run,
        "steps": list(development.run.steps),
        "tables": every,
        "graphs": {
            "names": list(development.graphs),
            "reads": list(graphs.READS),
            "files": _addresses(where, GRAPH, graphs.READS, query, graphs.FORMS),
            "reason": lacks(sources, run, TABLES["edges"], query),
            "code": code_for(GRAPH, query, run=run, store=store),
        },
    }


def _entry(
    sources: Sources, run: str, kind: TableKind, query: Mapping[str, str], where: str, store: str
) -> dict[str, Any]:
    return {
        "id": kind.id,
        "label": kind.label,
        "meaning": kind.meaning,
        "reads": list(kind.reads),
        "columns": [dataclasses.asdict(column) for column in kind.columns],
        "reason": lacks(sources, run, kind, query),
        "files": _addresses(where, kind.id, kind.reads, query, WRITERS),
        "code": code_for(kind.id, query, run=run, store=store),
    }


def _addresses(
    where: str, name: str, reads: tuple[str, ...], query: Mapping[str, str], forms: Any
) -> dict[str, str]:
    asked = urlencode({key: query[key] for key in reads if key in query}, safe=",~@")
    return {form: f"{where}/{name}.{form}" + (f"?{asked}" if asked else "") for form in forms}


def _table_answer(
    sources: Sources, run: str, table: str, query: Mapping[str, str], form: str, describes: str
) -> Response:
    made = make_table(sources, run, table, query)
    name = file_name(run, _named(sources, run, TABLES[table], query, made.about), table, form)
    response = _file(write(made, form), MIMETYPES[form], name)
    response.headers["Link"] = f'<{describes}>; rel="describedby"; type="application/json"'
    return response


def _graph_answer(sources: Sources, run: str, query: Mapping[str, str], form: str) -> Response:
    from compute.networks.exchange import encode_graph

    found = graphs.digraph(sources, run, query)
    parts = _named(sources, run, TABLES["edges"], query, found.graph)
    name = file_name(run, parts, GRAPH, form)
    return _file(encode_graph(found, form), graphs.MIMETYPES[form], name)


def _named(
    sources: Sources, run: str, kind: TableKind, query: Mapping[str, str], about: Mapping[str, Any]
) -> dict[str, str]:
    """Return what a file's name says beside run and table: what is not usual, and the step."""
    first = next(iter(sources.development(run).graphs), "")
    asked = {k: query[k] for k in KEYS if k in kind.reads and query.get(k) and k != "step"}
    if asked.get("graph") == first:
        del asked["graph"]
    if kind.at_step:
        asked["step"] = str(about["step"])
    return {k: v for k, v in asked.items() if k not in ("threshold", "top")}


def _file(data: bytes, mimetype: str, name: str | None = None) -> Response:
    response = Response(data, content_type=mimetype)
    response.headers["Cache-Control"] = "no-store"
    if name is not None:
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _told(make: Callable[[], Response]) -> Response:
    """Return the answer, or a page that says why there is none."""
    try:
        return make()
    except (AskedError, SettingsError) as error:
        status, title = REFUSALS.get(type(error), (400, "This cannot be asked for"))
        return plain_page(status, title, escape(str(error)))

"""One checkpoint's ablation graph as others read it: networkx, GraphML, GEXF, node-link JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from compute.components import kind_of, layer_names, layers_of
from dashboard.tables.about import about_run
from dashboard.tables.asked import Asked, bounded
from dashboard.tables.edges import EdgesAt, counts_of, edges_at
from dashboard.tables.sources import Sources
from dashboard.tables.table import as_decimals

if TYPE_CHECKING:
    import networkx as nx

FORMS = ("graphml", "gexf", "json")
MIMETYPES = {
    "graphml": "application/graphml+xml",
    "gexf": "application/gexf+xml",
    "json": "application/json",
}
READS = ("graph", "step", "threshold", "top")


def digraph(sources: Sources, run: str, query: Mapping[str, str]) -> nx.DiGraph:
    """Return the ablation graph of a checkpoint.

    Components are nodes with ``layer`` (a number from 0, the embedding's), ``layer_name``,
    ``kind``, ``order``, the changes of loss and logit, and every metric that is defined. Edges run
    from the ablated component to the one that changes, with ``weight``, ``standard_error``,
    ``norm_change``, ``norm_standard_error`` and ``sign`` of the weight. What is not known is no
    attribute. ``graph`` has what the numbers rest on.

    Raises
    ------
    RunNotFound, UnknownName, NotMeasured, TooMuch, SettingsError
        As `dashboard.tables.registry.make_table`.
    """
    from compute.networks.exchange import directed_graph

    asked = Asked(sources, run, {k: v for k, v in query.items() if k in READS})
    found, series = edges_at(asked), asked.series
    bounded(len(found.weight))
    about = about_run(
        asked, graph=asked.graph, step=asked.step(), settings=series.settings,
        metric_settings=series.node_settings, threshold=asked.get("threshold") or "all",
        top=asked.get("top") or "all",
        weight="1 - cosine similarity of the target's output with and without the source",
        **counts_of(found),
    )  # fmt: skip
    return directed_graph(_nodes(asked), _edges(asked, found), about)


def _nodes(asked: Asked) -> list[tuple[str, dict[str, Any]]]:
    series, index = asked.series, asked.index()
    names, found = series.components, series.metrics
    layers, called = layers_of(names), layer_names(names)
    numbers = {name: found.node_values[m, index] for m, name in enumerate(found.node_names)}
    numbers |= {"loss_change": series.loss_change[index], "order": series.order}
    numbers |= {"logit_change": series.logit_change[index]}
    plain = {name: as_decimals(values) for name, values in numbers.items()}
    return [
        (
            name,
            {"layer": int(layers[i]), "layer_name": called[layers[i]], "kind": kind_of(name)}
            | {key: float(v[i]) for key, v in plain.items() if math.isfinite(v[i])},
        )
        for i, name in enumerate(names)
    ]


def _edges(asked: Asked, found: EdgesAt) -> list[tuple[str, str, dict[str, Any]]]:
    names = asked.series.components
    numbers = {
        "weight": as_decimals(found.weight),
        "standard_error": as_decimals(found.error),
        "norm_change": as_decimals(found.norm),
        "norm_standard_error": as_decimals(found.norm_error),
    }
    sign = np.where(found.weight < 0, -1, 1)
    return [
        (
            names[found.source[k]],
            names[found.target[k]],
            {key: float(v[k]) for key, v in numbers.items() if math.isfinite(v[k])}
            | {"sign": int(sign[k])},
        )
        for k in range(len(found.weight))
    ]

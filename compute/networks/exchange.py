"""Graphs that other programs read: as networkx has them, and as GraphML, GEXF or JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx

_GEXF = "http://www.gexf.net/1.2draft"


def directed_graph(
    nodes: Iterable[tuple[str, Mapping[str, Any]]],
    edges: Iterable[tuple[str, str, Mapping[str, Any]]],
    about: Mapping[str, Any],
) -> nx.DiGraph:
    """Return a graph with attributes of nodes, of edges and, ``about``, of itself."""
    graph = nx.DiGraph(**about)
    graph.add_nodes_from((name, dict(told)) for name, told in nodes)
    graph.add_edges_from((source, target, dict(told)) for source, target, told in edges)
    return graph


def encode_graph(graph: nx.DiGraph, form: str) -> bytes:
    """Return a graph as ``graphml``, ``gexf`` or node-link ``json``.

    Its own attributes are in GraphML's graph data, in the description of GEXF (which has no place
    for them, and networkx does not read them back), and under ``graph`` in JSON.
    """
    if form == "json":
        found = nx.node_link_data(graph, edges="edges")
        return json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    buffer = io.BytesIO()
    if form == "graphml":
        nx.write_graphml_xml(graph, buffer)
        return buffer.getvalue()
    nx.write_gexf(graph, buffer)
    return _described(buffer.getvalue(), graph.graph)


def _described(gexf: bytes, about: Mapping[str, Any]) -> bytes:
    """Return GEXF that says what it is of, and not when it was written: the same graph, the same.

    networkx writes the date of today.
    """
    ET.register_namespace("", _GEXF)
    root = ET.fromstring(gexf)
    for old in root.findall(f"{{{_GEXF}}}meta"):
        root.remove(old)
    meta = ET.Element(f"{{{_GEXF}}}meta")
    ET.SubElement(meta, f"{{{_GEXF}}}creator").text = "Ontogeny"
    description = ET.SubElement(meta, f"{{{_GEXF}}}description")
    description.text = json.dumps(about, ensure_ascii=False)
    root.insert(0, meta)
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)

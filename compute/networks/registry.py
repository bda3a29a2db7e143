"""Every metric of nodes and graphs, once: what it is called, what it means, and its unit.

Measurements, tables, curves, exports and the guide take names, definitions and conventions from
here. ``w`` is an edge's weight (`compute.records.AblationGraph`), a strength: the heavier, the
stronger the tie. Where a metric wants lengths, ours is ``1 / w``, so that a strong edge is short;
the metrics that take ``w`` itself as length are named for Rocchetti (2025), who does.

Not here: unweighted betweenness (0 on a complete layered graph), eigenvector centrality
(degenerate on a graph without cycles), reciprocity (0) and networkx's flow hierarchy (1), which say
nothing of a graph whose edges all run forward.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

Convention: TypeAlias = Literal["", "strength", "distance 1 / weight", "distance = weight"]
Interval: TypeAlias = Literal["prompts", "fit", ""]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric.

    Attributes
    ----------
    name
        In records and addresses.
    label
        For people: menus, axes, column heads.
    ranking
        What a ranking by it is called; empty for metrics of graphs.
    unit
        Of its values, for people.
    definition
        In a sentence or two; plain text. It may go on from the metric before: `meaning_of`.
    convention
        How it reads weights; empty where that makes no difference.
    interval
        What its 95 % interval covers: the draw of the prompts (bootstrap), or the error of a
        ``fit``; empty where there is none.
    """

    name: str
    label: str
    ranking: str = ""
    unit: str
    definition: str
    convention: Convention = "strength"
    interval: Interval = "prompts"


NODE_METRICS: tuple[Metric, ...] = (
    Metric(
        name="out_strength",
        label="out-strength",
        ranking="Spreaders, by out-strength",
        unit="sum of weights",
        definition="The sum of the weights of the edges that leave the component.",
    ),
    Metric(
        name="in_strength",
        label="in-strength",
        ranking="Gatherers, by in-strength",
        unit="sum of weights",
        definition="The sum of the weights of the edges that reach the component.",
    ),
    Metric(
        name="spreader_z",
        label="spreader z",
        ranking="Spreaders, against the layer null",
        unit="standard deviations",
        definition="How far the out-strength lies above its mean when weights are shuffled among "
        "the edges between the same two layers, in standard deviations of that shuffle (exact "
        "moments). Not defined for a component that has no peer in its layer.",
    ),
    Metric(
        name="gatherer_z",
        label="gatherer z",
        ranking="Gatherers, against the layer null",
        unit="standard deviations",
        definition="The same for the in-strength.",
    ),
    Metric(
        name="spreader_p",
        label="spreader p",
        unit="probability",
        definition="The share of shuffles in which the out-strength is at least as large as it "
        "is: one-sided, the graph itself counted as one of them.",
        interval="",
    ),
    Metric(
        name="gatherer_p",
        label="gatherer p",
        unit="probability",
        definition="The same for the in-strength.",
        interval="",
    ),
    Metric(
        name="betweenness",
        label="betweenness",
        ranking="Betweenness, strong edges short",
        unit="share of pairs",
        definition="The share of ordered pairs of other components whose shortest path passes "
        "through; equally short paths share.",
        convention="distance 1 / weight",
    ),
    Metric(
        name="closeness",
        label="closeness",
        ranking="Closeness, strong edges short",
        unit="per unit of 1 / weight",
        definition="The share of the other components from which paths arrive, over the mean "
        "length of the shortest of them (Wasserman and Faust).",
        convention="distance 1 / weight",
    ),
    Metric(
        name="betweenness_weight",
        label="betweenness (Rocchetti)",
        ranking="Betweenness, strong edges long (Rocchetti)",
        unit="share of pairs",
        definition="Betweenness as Rocchetti (2025) computes it: a strong edge counts as a long "
        "way.",
        convention="distance = weight",
        interval="",
    ),
    Metric(
        name="closeness_weight",
        label="closeness (Rocchetti)",
        ranking="Closeness, strong edges long (Rocchetti)",
        unit="per unit of weight",
        definition="Closeness as Rocchetti (2025) computes it: a strong edge counts as a long way.",
        convention="distance = weight",
        interval="",
    ),
    Metric(
        name="pagerank",
        label="PageRank",
        ranking="PageRank, gathering",
        unit="share, sums to 1",
        definition="Where a walker is found who follows edges forward in proportion to their "
        "weights and starts anew anywhere with probability 0.15, or where no edge leaves.",
    ),
    Metric(
        name="pagerank_reversed",
        label="PageRank, reversed",
        ranking="PageRank reversed, spreading",
        unit="share, sums to 1",
        definition="The same with every edge reversed.",
    ),
    Metric(
        name="katz",
        label="Katz",
        ranking="Katz, gathering",
        unit="weight of walks",
        definition="1 plus the sum over all walks that arrive of the product of 0.1 w over their "
        "edges.",
    ),
    Metric(
        name="katz_reversed",
        label="Katz, reversed",
        ranking="Katz reversed, spreading",
        unit="weight of walks",
        definition="The same for the walks that leave.",
    ),
    Metric(
        name="hub",
        label="hub",
        ranking="Hubs (HITS), spreading",
        unit="share, sums to 1",
        definition="The component's part in the leading left singular vector of the weights: high "
        "where heavy edges lead to good authorities.",
    ),
    Metric(
        name="authority",
        label="authority",
        ranking="Authorities (HITS), gathering",
        unit="share, sums to 1",
        definition="The same in the leading right singular vector: high where heavy edges arrive "
        "from good hubs.",
    ),
)

GRAPH_METRICS: tuple[Metric, ...] = (
    Metric(
        name="nodes",
        label="components with an edge",
        unit="|V|",
        definition="Components with at least one edge that is at or above the threshold and "
        "heavier than 0.",
        convention="",
    ),
    Metric(
        name="edges",
        label="edges",
        unit="|E|",
        definition="Edges at or above the threshold and heavier than 0.",
        convention="",
    ),
    Metric(
        name="density",
        label="density",
        unit="|E| / |V| (|V| − 1)",
        definition="Edges over ordered pairs of components with an edge. A layered graph cannot "
        "reach 1.",
        convention="",
    ),
    Metric(
        name="total_strength",
        label="total strength",
        unit="sum of all weights",
        definition="The sum of all weights.",
    ),
    Metric(
        name="mean_strength",
        label="mean strength",
        unit="weight per component",
        definition="The sum of all weights over the components with an edge.",
    ),
    Metric(
        name="weight_median",
        label="median weight",
        unit="1 − cosine",
        definition="The median of the weights of the edges.",
    ),
    Metric(
        name="weight_p90",
        label="90th percentile of weights",
        unit="1 − cosine",
        definition="Nine edges of ten are lighter.",
    ),
    Metric(
        name="gini",
        label="Gini of weights",
        unit="0 equal, 1 one edge",
        definition="Half the mean difference between the weights of two edges, over their mean.",
    ),
    Metric(
        name="tail_exponent",
        label="tail exponent",
        unit="α of w^−α",
        definition="Of a power law fitted to the heaviest weights by maximum likelihood, from the "
        "weight on where it fits best (Clauset, Shalizi and Newman 2009). A number only: read it "
        "beside the misfit.",
        interval="fit",
    ),
    Metric(
        name="tail_misfit",
        label="misfit of the tail",
        unit="Kolmogorov–Smirnov",
        definition="The largest difference between the fitted and the empirical distribution of "
        "the weights in the tail, 0 to 1.",
        interval="",
    ),
    Metric(
        name="clustering",
        label="clustering",
        unit="0 to 1",
        definition="The mean over components of the weight of closed triangles, as geometric "
        "means of weights over the largest weight, among those that its edges could close "
        "(Fagiolo 2007).",
    ),
    Metric(
        name="efficiency",
        label="efficiency",
        unit="1 / length, mean of pairs",
        definition="The mean over ordered pairs of 1 over the length of the shortest path; 0 "
        "where there is none.",
        convention="distance 1 / weight",
    ),
    Metric(
        name="modularity",
        label="modularity",
        unit="Q, directed",
        definition="By how much weight within communities exceeds what in- and out-strengths "
        "alone would put there (Leicht and Newman 2008), for the communities that Louvain's "
        "method finds. The interval keeps the communities.",
    ),
    Metric(
        name="communities",
        label="communities",
        unit="count",
        definition="How many communities Louvain's method finds, those of a single component "
        "without edges not counted.",
        interval="",
    ),
    Metric(
        name="flow_span",
        label="span of the flow",
        unit="layers per edge",
        definition="How many layers an edge crosses, averaged by weight.",
    ),
    Metric(
        name="coherence",
        label="trophic coherence",
        unit="0 none, 1 perfect",
        definition="How far the weights fit levels that rise by one along every edge (MacKay, "
        "Johnson and Sansom 2020), which need not be the model's layers.",
    ),
)

NODE_NAMES = tuple(metric.name for metric in NODE_METRICS)
GRAPH_NAMES = tuple(metric.name for metric in GRAPH_METRICS)
METRICS: dict[str, Metric] = {metric.name: metric for metric in (*NODE_METRICS, *GRAPH_METRICS)}


def label_of(name: str) -> str:
    """Return what a metric is called; a name that is not known is made legible."""
    return METRICS[name].label if name in METRICS else name.replace("_", " ")


def meaning_of(name: str) -> str:
    """Return what a metric means, standing alone; empty for a name that is not known.

    A definition that begins with *The same* goes on from that of the metric before it.
    """
    if name not in METRICS:
        return ""
    own = METRICS[name].definition
    if not own.startswith("The same"):
        return own
    return f"{METRICS[NODE_NAMES[NODE_NAMES.index(name) - 1]].definition} {own}"

"""What was measured: one frozen record per measurement, NumPy and scalars only.

A record travels as bytes in the safetensors format: its arrays, and one JSON header with the rest.
Reading it can run no code.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float, Float16, Int
from numpy import ndarray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from compute.behaviour_records import ContextUse, ModelOutputs, ShiftedRegression, Structure
from compute.errors import BadRecord, SettingsError
from compute.llc_records import LLCEstimate, RefinedLLC
from compute.llc_specs import LLCSpec
from compute.specs import Measurement, measurement_key, spec_from_json, spec_to_json

FORMAT = "ontogeny-record/1"
WIDE_GRAPH = 512
# What reading bytes that are not ours can raise.
_WRONG = (SafetensorError, ValueError, LookupError, TypeError, AttributeError, SettingsError)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AblationGraph:
    """The directed, weighted graph of what each component's ablation changes in the others.

    Attributes
    ----------
    components
        Names in order: ``EMB``, ``L0H0``, .., ``L0MLP``, .., ``LOGITS``.
    order
        Depth of each component; an edge runs from a lower to a higher order only.
    method
        ``exact``, or ``attribution`` for the first-order approximation.
    prompts
        The number of prompts that were averaged over.
    weight
        Row = ablated source, column = target: one minus the cosine similarity between the
        target's clean and ablated output, averaged over prompts and positions; 0 (no change) to
        2, dimensionless. NaN where no edge can be. float16 for graphs of more than
        `WIDE_GRAPH` components, else float32.
    weight_error
        Standard error of ``weight`` over prompts; NaN for a single prompt.
    norm_change, norm_change_error
        Relative change of the target's output, ``|a' - a| / |a|``, 0 or more, dimensionless; NaN
        where no edge can be. Its standard error.
    loss_change, loss_change_error
        Change of the mean loss when the component is ablated, nats (language) or squared units
        (regression); positive: removing it hurts. NaN where it was not measured.
    logit_change, logit_change_error
        Change of the correct next token's logit, averaged like the loss; negative: removing the
        component hurts. NaN where it was not measured, and for regression.
    loss
        Mean clean loss on the prompts, in the unit of ``loss_change``; NaN with it.
    weight_by_group
        Means over groups of prompts, for the bootstrap: a group is one prompt, unless there are
        too many (`compute.measure.effects`). Its columns are the edges, in the order of the
        entries of ``weight`` that are not NaN, row by row. No rows for a graph that is too large
        to keep them.
    """

    components: tuple[str, ...]
    order: Float[ndarray, " components"]
    method: str
    prompts: int
    weight: Float[ndarray, "components components"]
    weight_error: Float[ndarray, "components components"]
    norm_change: Float[ndarray, "components components"]
    norm_change_error: Float[ndarray, "components components"]
    loss_change: Float[ndarray, " components"]
    loss_change_error: Float[ndarray, " components"]
    logit_change: Float[ndarray, " components"]
    logit_change_error: Float[ndarray, " components"]
    loss: float
    weight_by_group: Float[ndarray, "groups edges"]

    def group_weights(self) -> Float[ndarray, "groups components components"]:
        """Return ``weight_by_group`` as matrices, in float64, 0 where no edge can be."""
        dense = np.zeros((len(self.weight_by_group), *self.weight.shape))
        dense[:, np.isfinite(self.weight)] = self.weight_by_group
        return dense


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NetworkMetrics:
    """Node and graph metrics of one ablation graph (`compute.networks.registry` defines them).

    Attributes
    ----------
    node_values, node_low, node_high
        Each metric of each component, and a 95 % interval over prompts. Values are NaN where a
        metric is not defined: the z of a component that is alone in its layer, say. Intervals are
        NaN for a single prompt, and where the registry names none.
    rank_low, rank_high
        The 95 % interval over prompts of the place of each component by each metric, 1 for the
        highest, ties at their mean; NaN with ``node_low``.
    community
        The number of each component's community, from 0; -1 for one without any edge.
    graph_values, graph_low, graph_high
        Each metric of the whole graph, with its interval, as for nodes.
    graph_by_group
        The same metrics of the graph of each group of prompts alone: what the prompts say apart.
        No rows for a single prompt.
    """

    components: tuple[str, ...]
    threshold: float
    node_names: tuple[str, ...]
    node_values: Float[ndarray, "node_metrics components"]
    node_low: Float[ndarray, "node_metrics components"]
    node_high: Float[ndarray, "node_metrics components"]
    rank_low: Float[ndarray, "node_metrics components"]
    rank_high: Float[ndarray, "node_metrics components"]
    community: Int[ndarray, " components"]
    graph_names: tuple[str, ...]
    graph_values: Float[ndarray, " graph_metrics"]
    graph_low: Float[ndarray, " graph_metrics"]
    graph_high: Float[ndarray, " graph_metrics"]
    graph_by_group: Float[ndarray, "groups graph_metrics"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class LanguageBehaviour:
    """What a language model does at one checkpoint.

    Attributes
    ----------
    loss, loss_error
        Mean next-token loss on held-out text and its standard error over samples, nats.
    first_loss, second_loss
        Loss on the first and on the second half of a repeated prompt, nats.
    correct_logit, correct_probability
        Of the right next token at the end of the passage: the logit, and the probability, 0 to 1.
    heads
        Names of the heads that are scored.
    previous_token
        Mean attention from each token to the one before it, 0 to 1.
    prefix_matching
        Mean attention from a token's second occurrence to the token after its first, 0 to 1.
    """

    loss: float
    loss_error: float
    first_loss: float
    second_loss: float
    correct_logit: float
    correct_probability: float
    heads: tuple[str, ...]
    previous_token: Float[ndarray, " heads"]
    prefix_matching: Float[ndarray, " heads"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RegressionBehaviour:
    """What an in-context regression model does at one checkpoint.

    Attributes
    ----------
    loss, loss_error
        Mean squared error over samples and pairs, and its standard error over samples.
    loss_by_pair
        Mean squared error of the k-th prediction.
    task_prior_score
        Mean squared prediction; near 0 while the model predicts the prior mean.
    ridge_distance
        Mean squared distance to the prediction of Bayes-optimal ridge regression.
    heads, previous_token
        As for language models, on regression sequences.
    """

    loss: float
    loss_error: float
    loss_by_pair: Float[ndarray, " pairs"]
    task_prior_score: float
    ridge_distance: float
    heads: tuple[str, ...]
    previous_token: Float[ndarray, " heads"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AttentionPatterns:
    """What every head of one checkpoint attends to on a few prompts.

    Attributes
    ----------
    heads
        Their names, layer by layer.
    tokens
        Of each prompt, its tokens as a person reads them: pieces of text, or ids where there is no
        tokenizer; ``x1``, ``y1``, .. for regression. Prompts are of one length, without padding.
    pattern
        The share of its attention that each query's position gives to each key's, 0 to 1; 0 for
        keys after the query. Rounded to half precision (11 bits), so that a row sums to 1 within
        0.0005.
    """

    heads: tuple[str, ...]
    tokens: tuple[tuple[str, ...], ...]
    pattern: Float16[ndarray, "heads prompts query key"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ImportedValue:
    """One point of a curve that was made elsewhere.

    Attributes
    ----------
    value
        In the unit of the file it came from, which does not say it.
    error
        Standard error of ``value``, in its unit; NaN where the file gives none.
    """

    value: float
    error: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Curvature:
    """The Hessian of the training loss at one checkpoint, in units of the loss.

    That is nats, or squared error, per squared unit of a parameter. Any of it may be negative: a
    checkpoint need not be a minimum.

    Attributes
    ----------
    trace
        Mean over probes.
    trace_error
        Its standard error, from the spread over probes, each of which has its own samples: it
        covers both draws. NaN with one probe.
    per_probe
        Each probe's estimate.
    eigenvalues
        The largest, in descending order, of the mean loss over one batch.
    residuals
        ``|H v - lambda v|`` of each, for its unit eigenvector: some eigenvalue is as near as that.
    smallest, smallest_residual
        The smallest eigenvalue of the same batch, and its residual.
    iterations
        What Lanczos took.
    params
        The number of parameters, the rows of the Hessian.
    loss
        Mean loss over all samples.
    """

    trace: float
    trace_error: float
    per_probe: Float[ndarray, " probes"]
    eigenvalues: Float[ndarray, " eigenvalues"]
    residuals: Float[ndarray, " eigenvalues"]
    smallest: float
    smallest_residual: float
    iterations: int
    params: int
    loss: float


Record: TypeAlias = (
    AblationGraph
    | NetworkMetrics
    | LLCEstimate
    | RefinedLLC
    | LanguageBehaviour
    | RegressionBehaviour
    | ContextUse
    | ShiftedRegression
    | Structure
    | ModelOutputs
    | AttentionPatterns
    | Curvature
    | ImportedValue
)
RECORDS: dict[str, type[Record]] = {
    cls.__name__: cls
    for cls in (
        AblationGraph,
        NetworkMetrics,
        LLCEstimate,
        RefinedLLC,
        LanguageBehaviour,
        RegressionBehaviour,
        ContextUse,
        ShiftedRegression,
        Structure,
        ModelOutputs,
        AttentionPatterns,
        Curvature,
        ImportedValue,
    )
}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Measured:
    """A record and where it came from.

    Attributes
    ----------
    environment
        Versions of what the numbers may depend on: python, torch, ontogeny.
    seconds
        Wall time of the measurement on one worker.
    """

    spec: Measurement
    run: str
    step: int
    weights_digest: str
    data_digest: str
    record: Record
    environment: dict[str, str]
    seconds: float

    @property
    def key(self) -> str:
        """The key under which the record is stored."""
        return measurement_key(
            self.spec,
            run=self.run,
            step=self.step,
            weights_digest=self.weights_digest,
            data_digest=self.data_digest,
        )


def to_bytes(measured: Measured) -> bytes:
    """Return a measured record as bytes."""
    record = measured.record
    fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    arrays = {k: np.ascontiguousarray(v) for k, v in fields.items() if isinstance(v, ndarray)}
    scalars = {k: _plain(v) for k, v in fields.items() if k not in arrays}
    header = {
        "record": type(record).__name__,
        "scalars": scalars,
        "spec": spec_to_json(measured.spec),
        "run": measured.run,
        "step": measured.step,
        "weights_digest": measured.weights_digest,
        "data_digest": measured.data_digest,
        "environment": measured.environment,
        "seconds": measured.seconds,
    }
    # One entry only: safetensors writes several in no fixed order.
    return bytes(save(arrays, {FORMAT: json.dumps(header)}))


def from_bytes(data: bytes) -> Measured:
    """Return what `to_bytes` wrote.

    Raises
    ------
    BadRecord
        If the bytes are truncated, of another format, or hold an unknown record.
    """
    try:
        header = _header(data)
        arrays = load(data)
        build: Callable[..., Record] = RECORDS[header["record"]]
        record = build(**arrays, **_revive(header["scalars"]))
        return Measured(
            spec=spec_from_json(header["spec"]),
            run=header["run"],
            step=header["step"],
            weights_digest=header["weights_digest"],
            data_digest=header["data_digest"],
            record=record,
            environment=header["environment"],
            seconds=header["seconds"],
        )
    except _WRONG as error:
        raise BadRecord(f"not a record of format {FORMAT}: {error}") from error


def record_header(data: bytes) -> dict[str, Any]:
    """Return what a record says of itself, such as ``spec``, ``step`` and ``seconds``.

    Its arrays are not read.

    Raises
    ------
    BadRecord
        If the bytes do not begin as a record of ours does.
    """
    try:
        return _header(data)
    except _WRONG as error:
        raise BadRecord(f"not a record of format {FORMAT}: {error}") from error


def _header(data: bytes) -> dict[str, Any]:
    """Return our JSON header from the safetensors metadata, which `load` does not give."""
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    if FORMAT not in metadata:
        raise BadRecord(f"a file of format {sorted(metadata)}; this version reads {FORMAT}")
    header: dict[str, Any] = json.loads(metadata[FORMAT])
    return header


def _plain(value: Any) -> Any:
    if isinstance(value, LLCSpec):
        return dataclasses.asdict(value)
    return list(value) if isinstance(value, tuple) else value


def _revive(scalars: dict[str, Any]) -> dict[str, Any]:
    """Undo what JSON did: lists back to tuples, LLC settings back to their spec."""
    values: dict[str, Any] = {k: _tuples(v) for k, v in scalars.items()}
    if "spec" in values:
        values["spec"] = LLCSpec(**values["spec"])
    return values


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value

"""From a spec to its record: draw the data that the spec names, then measure."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch import Tensor

from compute.behaviour_records import Structure
from compute.behaviour_specs import (
    ContextMeasurement,
    OutputsMeasurement,
    ShiftMeasurement,
    StructureMeasurement,
)
from compute.errors import MeasurementError
from compute.llc_records import LLCEstimate, RefinedLLC
from compute.llc_specs import CalibrationMeasurement, LLCMeasurement, RefinedMeasurement
from compute.measure.ablation import ablation_graph
from compute.measure.attention_patterns import measure_attention
from compute.measure.attribution import attribution_graph
from compute.measure.behaviour import language_behaviour, regression_behaviour
from compute.measure.chain_loss import Loss
from compute.measure.context_use import measure_context
from compute.measure.coordinates import Params
from compute.measure.hessian import estimate_curvature
from compute.measure.hook_graph import hook_graph
from compute.measure.llc import estimate_llc
from compute.measure.model_loss import functional_loss
from compute.measure.network import measure_network
from compute.measure.outputs import measure_outputs
from compute.measure.refined import estimate_refined
from compute.measure.shift import measure_shift
from compute.measure.structure import measure_structure
from compute.measure.tasks import Texts, context_length, draw_batch, draw_windows
from compute.models.developments.regression_transformer import (
    RegressionTransformer,
    draw_sequences,
)
from compute.models.loading import LoadedModel
from compute.models.weights import weights_of
from compute.records import AblationGraph, Curvature, NetworkMetrics, Record
from compute.specs import (
    AttentionMeasurement,
    BehaviourMeasurement,
    CurvatureMeasurement,
    GraphMeasurement,
    ImportedMeasurement,
    Measurement,
    NetworkMeasurement,
    TaskSpec,
)

# Far from the seeds that people choose: prompts for mean ablation's reference.
_AFRESH = 1_000_003
_PASSAGE = TaskSpec(name="passage", prompts=1)


def measure(spec: Measurement, model: LoadedModel, texts: Texts) -> Record:
    """Return the record of ``spec`` on one checkpoint.

    Raises
    ------
    MeasurementError
        If the spec does not fit the model or its text, or cannot be measured.
    """
    match spec:
        case GraphMeasurement():
            return _graph(spec, model, texts)
        case LLCMeasurement() | CalibrationMeasurement():
            return _llc(spec, model, texts)
        case RefinedMeasurement():
            return _refined(spec, model, texts)
        case CurvatureMeasurement():
            return _curvature(spec, model, texts)
        case BehaviourMeasurement():
            return _behaviour(spec, model, texts)
        case ContextMeasurement():
            return measure_context(model, texts, spec)
        case ShiftMeasurement():
            return measure_shift(model, spec)
        case StructureMeasurement():
            return _structure(spec, model, texts)
        case OutputsMeasurement():
            return measure_outputs(model, texts, spec)
        case AttentionMeasurement():
            return measure_attention(model, draw_batch(spec.task, model, texts).tokens)
        case NetworkMeasurement():
            raise MeasurementError("node metrics are measured from a graph, not from a checkpoint")
        case ImportedMeasurement():
            raise MeasurementError("imported values are read from a file, not measured")


def derive(spec: NetworkMeasurement, source: Record) -> NetworkMetrics:
    """Return the record of a measurement that is made from another record.

    Raises
    ------
    MeasurementError
        If ``source`` is not a graph.
    """
    if not isinstance(source, AblationGraph):
        raise MeasurementError("node metrics are measured from a graph")
    return measure_network(source, spec, np.random.default_rng(spec.seed))


def _graph(spec: GraphMeasurement, model: LoadedModel, texts: Texts) -> AblationGraph:
    batch, ablation = draw_batch(spec.task, model, texts), spec.ablation
    if ablation.granularity == "hooks":
        return hook_graph(model, batch.tokens, ablation, first_scored=batch.first_scored)
    reference = None
    if ablation.ablation == "mean":
        afresh = dataclasses.replace(spec.task, seed=spec.task.seed + _AFRESH)
        reference = draw_batch(afresh, model, texts).tokens
    generator = torch.Generator().manual_seed(spec.task.seed)
    measure = attribution_graph if ablation.method == "attribution" else ablation_graph
    return measure(
        model,
        batch.tokens,
        ablation,
        generator,
        first_scored=batch.first_scored,
        reference=reference,
    )


def _llc(
    spec: LLCMeasurement | CalibrationMeasurement, model: LoadedModel, texts: Texts
) -> LLCEstimate:
    loss, params, data, generator = _training_loss(spec, model, texts)
    ignorant = _ignorant_loss(model, data)
    return estimate_llc(loss, params, data, spec.llc, generator, ignorant_loss=ignorant)


def _refined(spec: RefinedMeasurement, model: LoadedModel, texts: Texts) -> RefinedLLC:
    generator = torch.Generator().manual_seed(spec.seed)
    data = _refined_samples(spec, model, texts, generator)
    loss, params = functional_loss(model.module, model.family)
    parts = weights_of(model, spec.parts)
    ignorant = _ignorant_loss(model, data)
    return estimate_refined(loss, params, parts, data, spec.llc, generator, ignorant_loss=ignorant)


def _refined_samples(
    spec: RefinedMeasurement, model: LoadedModel, texts: Texts, generator: torch.Generator
) -> Tensor:
    """Draw what a refined LLC's loss is measured on."""
    if spec.data in ("train", "heldout"):
        return _samples(spec.samples, spec.length, model, texts, spec.data, generator)
    if model.family == "regression":
        raise MeasurementError(
            f"data {spec.data!r} is of tokens, and this is a regression model: use train"
        )
    limit = context_length(model)
    shape = (spec.samples, spec.length if limit is None else min(spec.length, limit))
    if spec.data == "uniform":
        return torch.randint(model.anatomy.unembed.vocabulary, shape, generator=generator)
    text = texts.train()
    return text[torch.randint(len(text), shape, generator=generator)]


def _ignorant_loss(model: LoadedModel, data: Tensor) -> float:
    """Return the loss of predicting without having learnt anything.

    All tokens alike for a language model; zero, the mean of all tasks, for a regression.
    """
    if model.family == "regression":
        return float(data[..., 1::2, 0].square().mean())
    return math.log(model.anatomy.unembed.vocabulary)


def _curvature(spec: CurvatureMeasurement, model: LoadedModel, texts: Texts) -> Curvature:
    loss, params, data, generator = _training_loss(spec, model, texts)
    return estimate_curvature(loss, params, data, spec, generator)


def _training_loss(
    spec: LLCMeasurement | CalibrationMeasurement | CurvatureMeasurement,
    model: LoadedModel,
    texts: Texts,
) -> tuple[Loss, Params, Tensor, torch.Generator]:
    """Return the loss, where it is taken, the samples it is of, and what goes on to draw."""
    generator = torch.Generator().manual_seed(spec.seed)
    data = _samples(spec.samples, spec.length, model, texts, "train", generator)
    return (*functional_loss(model.module, model.family), data, generator)


def _behaviour(spec: BehaviourMeasurement, model: LoadedModel, texts: Texts) -> Record:
    generator = torch.Generator().manual_seed(spec.seed)
    heldout = _samples(spec.samples, spec.length, model, texts, "heldout", generator)
    if model.family == "regression":
        return regression_behaviour(model, tokens=heldout)
    repeated = draw_batch(spec.task, model, texts)
    passage = draw_batch(_PASSAGE, model, texts) if spec.passage else None
    return language_behaviour(model, heldout=heldout, repeated=repeated, passage=passage)


def _structure(spec: StructureMeasurement, model: LoadedModel, texts: Texts) -> Structure:
    generator = torch.Generator().manual_seed(spec.seed)
    tokens = _samples(spec.samples, spec.length, model, texts, "heldout", generator)
    return measure_structure(model, tokens)


def _samples(
    samples: int,
    length: int,
    model: LoadedModel,
    texts: Texts,
    split: str,
    generator: torch.Generator,
) -> Tensor:
    """Draw samples of a run's training or held-out distribution."""
    if isinstance(model.module, RegressionTransformer):
        return draw_sequences(model.module.config, samples, generator=generator)
    tokens = texts.train() if split == "train" else texts.heldout()
    limit = context_length(model)
    length = length if limit is None else min(length, limit)
    return draw_windows(tokens, samples=samples, length=length, generator=generator)

"""Small runs, records and workers for tests of everything that moves records about."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np

from compute.behaviour_records import ContextUse, ModelOutputs, ShiftedRegression, Structure
from compute.behaviour_specs import (
    ContextMeasurement,
    OutputsMeasurement,
    ShiftMeasurement,
    StructureMeasurement,
)
from compute.llc_specs import (
    CalibrationMeasurement,
    LLCMeasurement,
    RefinedMeasurement,
)
from compute.records import (
    AblationGraph,
    AttentionPatterns,
    Curvature,
    ImportedValue,
    LanguageBehaviour,
    Measured,
    NetworkMetrics,
    Record,
    to_bytes,
)
from compute.runs import Run
from compute.specs import (
    AttentionMeasurement,
    BehaviourMeasurement,
    CurvatureMeasurement,
    GraphMeasurement,
    ImportedMeasurement,
    Measurement,
    NetworkMeasurement,
)
from compute.worker import Failure, Outcome, Success, Task
from tests.llc_samples import a_refined, an_estimate

GRAPH = GraphMeasurement()
NETWORK = NetworkMeasurement(graph=GRAPH)
BEHAVIOUR = BehaviourMeasurement()
LLC = LLCMeasurement()
CALIBRATION = CalibrationMeasurement()
REFINED = RefinedMeasurement()
ATTENTION = AttentionMeasurement()
CURVATURE = CurvatureMeasurement()
IMPORTED = ImportedMeasurement(name="llc", source="a paper", file="0f" * 32)
COMPONENTS = ("EMB", "L0H0", "L0MLP", "LOGITS")


def a_run(name: str = "small", steps: int = 5, *, location: Path | str = "/nowhere") -> Run:
    return Run(
        name=name,
        source="folder",
        location=str(location),
        family="language",
        steps=tuple(range(steps)),
        data_digest="text",
    )


def a_graph(
    by_prompt: np.ndarray,
    *,
    components: tuple[str, ...] | None = None,
    order: np.ndarray | None = None,
    loss_change: np.ndarray | None = None,
    loss_change_error: np.ndarray | None = None,
    loss: float = 1.0,
) -> AblationGraph:
    """A graph whose prompts have the given weights, ``[prompts, n, n]``, NaN where no edge is."""
    by_prompt = np.asarray(by_prompt, dtype=np.float32)
    prompts, n = by_prompt.shape[:2]
    weight = by_prompt.mean(0)
    error = np.full_like(weight, np.nan)
    if prompts > 1:
        error = by_prompt.std(0, ddof=1) / np.sqrt(prompts)
    none = np.full(n, np.nan, np.float32)
    return AblationGraph(
        components=components or tuple(f"L{i}MLP" for i in range(n)),
        order=np.arange(n) if order is None else np.asarray(order),
        method="exact",
        prompts=prompts,
        weight=weight,
        weight_error=error,
        norm_change=weight,
        norm_change_error=error,
        loss_change=np.zeros(n, np.float32) if loss_change is None else loss_change,
        loss_change_error=none if loss_change_error is None else loss_change_error,
        logit_change=none,
        logit_change_error=none,
        loss=loss,
        weight_by_group=by_prompt[:, np.isfinite(weight)],
    )


def a_digest(run: Run, step: int) -> str:
    return f"weights-{step}"


def a_record(spec: Measurement, step: int = 0, *, prompts: int = 2) -> Record:
    n = len(COMPONENTS)
    if isinstance(spec, GraphMeasurement):
        weight = np.triu(np.full((n, n), 0.1 + step, np.float32), 1)
        weight[np.tril_indices(n)] = np.nan
        return a_graph(np.stack([weight] * prompts), components=COMPONENTS, loss=2.0)
    if isinstance(spec, NetworkMeasurement):
        node, graph = np.ones((1, n), np.float32), np.ones(1, np.float32)
        return NetworkMetrics(
            components=COMPONENTS,
            threshold=0.0,
            node_names=("out_strength",),
            node_values=node,
            node_low=node,
            node_high=node,
            rank_low=node,
            rank_high=node,
            community=np.zeros(n, np.int16),
            graph_names=("density",),
            graph_values=graph,
            graph_low=graph,
            graph_high=graph,
            graph_by_group=np.ones((2, 1), np.float32),
        )
    if isinstance(spec, LLCMeasurement | CalibrationMeasurement):
        return an_estimate(spec.llc, 40.0, np.random.default_rng(step))
    if isinstance(spec, RefinedMeasurement):
        return a_refined(spec, {"L0H0": 2.0}, np.random.default_rng(step))
    if isinstance(spec, CurvatureMeasurement):
        return Curvature(
            trace=10.0 + step,
            trace_error=0.5,
            per_probe=np.full(32, 10.0 + step),
            eigenvalues=np.array([3.0, 2.0]),
            residuals=np.full(2, 1e-3),
            smallest=-1.0,
            smallest_residual=1e-3,
            iterations=20,
            params=100,
            loss=2.0,
        )
    if isinstance(spec, ContextMeasurement):
        return a_use_of_context(step)
    if isinstance(spec, ShiftMeasurement):
        shifted = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
        return ShiftedRegression(
            scales=np.array([1.0, 3.0, 5.0, 10.0, 100.0]),
            **{
                f"{of}_{what}": shifted
                for of in ("input", "task")
                for what in ("error", "standard_error", "ridge", "ridge_standard_error")
            },
        )
    if isinstance(spec, StructureMeasurement):
        return a_structure()
    if isinstance(spec, OutputsMeasurement):
        return ModelOutputs(
            outputs=np.linspace(0, 1 + step, 16).astype(np.float16),
            square=1.0 + step,
            references=("zero",),
            reference_squares=np.zeros(1),
            reference_products=np.zeros(1),
            reference_between=np.zeros((1, 1)),
        )
    if isinstance(spec, ImportedMeasurement):
        return ImportedValue(value=0.1, error=float("nan"))
    if isinstance(spec, AttentionMeasurement):
        rows = np.tri(3, dtype=np.float16) / np.arange(1, 4, dtype=np.float16)[:, None]
        return AttentionPatterns(
            heads=("L0H0",), tokens=(("a", " b", "a"),) * 2, pattern=np.stack([rows] * 2)[None]
        )
    return LanguageBehaviour(
        loss=2.0,
        loss_error=0.1,
        first_loss=2.0,
        second_loss=1.0,
        correct_logit=3.0,
        correct_probability=0.5,
        heads=("L0H0",),
        previous_token=np.ones(1, np.float32),
        prefix_matching=np.ones(1, np.float32),
    )


def a_use_of_context(step: int) -> ContextUse:
    return ContextUse(
        loss_by_position=np.linspace(3.0, 2.0, 127),
        loss_by_position_error=np.full(127, 0.1),
        icl=-0.1 * step,
        icl_error=0.02,
        bigram=3.0,
        bigram_error=0.05,
        bigram_entropy=2.5,
        ngrams=(2, 3, 4),
        ngram=np.array([1.1, 1.2, 1.3]),
        ngram_error=np.full(3, 0.05),
        positional=1.2,
        positional_error=0.1,
    )


def a_structure() -> Structure:
    return Structure(
        heads=("L0H0", "L1H0"),
        **{
            f"{what}_composition": np.array([[np.nan, 0.3], [np.nan, np.nan]])
            for what in ("q", "k", "v")
        },
        composition_chance=np.full(3, 0.1),
        attention_entropy=np.array([1.0, 2.0]),
        attention_entropy_error=np.full(2, 0.1),
        attention_variability=np.array([0.1, 0.5]),
        norms=("L0.attention", "final"),
        norm_mean=np.ones(2),
        norm_spread=np.full(2, 0.1),
        norm_size=np.full(2, 11.3),
        norm_small=np.zeros(2),
        embeddings=("EMB", "UNEMBED"),
        singular_values=np.array([[3.0, 2.0, 1.0], [2.0, 1.0, np.nan]]),
    )


def a_measured(task: Task, *, prompts: int = 2) -> Measured:
    return Measured(
        spec=task.spec,
        run=task.run.name,
        step=task.step,
        weights_digest=task.weights_digest,
        data_digest=task.run.data_digest,
        record=a_record(task.spec, task.step, prompts=prompts),
        environment={"python": "3"},
        seconds=0.5,
    )


def a_task(run: Run, step: int = 0, spec: Measurement = GRAPH) -> Task:
    return Task(run=run, step=step, spec=spec, weights_digest=a_digest(run, step))


def measure(task: Task) -> Outcome:
    """Stands for the worker: a record at once."""
    if isinstance(task.spec, NetworkMeasurement):
        assert task.source_record is not None
    return Success(to_bytes(a_measured(task)))


def note_and_measure(task: Task) -> Outcome:
    """Note each task in the run's folder, so that a test can see what was done, and by whom."""
    with (Path(task.run.location) / "done").open("a") as log:
        log.write(f"{os.getpid()} {task.key}\n")
    return measure(task)


def die_once_at_step_2(task: Task) -> Outcome:
    mark = Path(task.run.location) / "died"
    if task.step == 2 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(task)


def die_at_step_2(task: Task) -> Outcome:
    if task.step == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return measure(task)


def fail_at_step_2(task: Task) -> Outcome:
    return Failure("its weights are not finite") if task.step == 2 else measure(task)

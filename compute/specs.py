"""What to measure: one frozen spec per measurement, and the key of its record.

A spec holds every choice that changes a number, and nothing else. Defaults live here, once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias, get_args

from compute.behaviour_specs import (
    ContextMeasurement,
    OutputsMeasurement,
    ShiftMeasurement,
    StructureMeasurement,
)
from compute.errors import SettingsError, require, require_one_of
from compute.llc_specs import (
    LANGUAGE_LLC,
    REGRESSION_LLC,
    CalibrationMeasurement,
    DataName,
    LLCMeasurement,
    LLCSpec,
    Parts,
    RefinedMeasurement,
)
from compute.runs import Run

Ablation: TypeAlias = Literal["zero", "mean", "resample"]
Granularity: TypeAlias = Literal["components", "hooks"]
Method: TypeAlias = Literal["exact", "attribution"]
TaskName: TypeAlias = Literal["uniform", "unigram", "text", "passage", "regression"]
TASK_NAMES: tuple[TaskName, ...] = get_args(TaskName)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """Which prompts a model is shown.

    Attributes
    ----------
    name
        ``uniform``: random tokens, drawn uniformly, then the same again. ``unigram``: the same,
        drawn with the frequencies of the run's text. ``text``: held-out text, then the same
        again. ``passage``: one written passage that ends inside a repeated rare name.
        ``regression``: in-context linear regression.
    prompts
        The number of prompts; a passage is a single one.
    length
        The number of tokens of a repeated half; ignored by ``passage`` and ``regression``.
    seed
        Draws the prompts; the same prompts serve every checkpoint.
    """

    name: TaskName = "text"
    prompts: int = 16
    length: int = 63
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        require_one_of("task name", self.name, TASK_NAMES)
        require(self.prompts >= 1, "prompts must be at least 1")
        require(self.length >= 2, "length must be at least 2 tokens")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AblationSpec:
    """How components are ablated and what of the change is kept (methods: the ablation graph).

    Attributes
    ----------
    ablation
        What a component's output becomes, at every position. ``zero``: zeros. ``mean``: its mean
        over prompts and positions of a reference batch, the same task drawn afresh.
        ``resample``: its output on another prompt of the batch.
    granularity
        ``components``: heads and MLPs. ``hooks``: queries, keys (also as rotated), values and
        outputs of attention, of whole layers and of heads, and the MLPs' neurons: the nodes of
        Rocchetti (2025); zero ablation only.
    method
        ``exact``: everything downstream is recomputed. ``attribution``: its first-order
        approximation by gradients, for models that are too large for the exact graph.
    probes
        Random probes of every prompt and target; attribution only.
    embedding
        Ablate the token embedding too (``EMB``, a source only).
    logits
        Compare the logits too (``LOGITS``, a target only).
    loss_change
        Also measure the changes of the mean loss, in nats, and of the correct token's logit; costs
        one pass over the vocabulary for every component.
    """

    ablation: Ablation = "zero"
    granularity: Granularity = "components"
    method: Method = "exact"
    probes: int = 4
    embedding: bool = True
    logits: bool = True
    loss_change: bool = True

    def __post_init__(self) -> None:
        """Refuse what does not exist or does not go together."""
        require_one_of("ablation", self.ablation, get_args(Ablation))
        require_one_of("granularity", self.granularity, get_args(Granularity))
        require_one_of("method", self.method, get_args(Method))
        require(self.probes >= 1, "probes must be at least 1")
        if self.granularity == "hooks":
            require(
                self.ablation == "zero" and self.method == "exact",
                "granularity 'hooks' is defined for exact zero ablation only; "
                "use granularity 'components'",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GraphMeasurement:
    """One ablation graph of one checkpoint."""

    kind: ClassVar[str] = "graph"
    version: ClassVar[int] = 2
    task: TaskSpec = TaskSpec()
    ablation: AblationSpec = AblationSpec()


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkMeasurement:
    """The node and graph metrics of one ablation graph, with bootstrap intervals over prompts.

    Attributes
    ----------
    threshold
        Edges lighter than this are left out, 0 to 2; 0 keeps every edge.
    resamples
        Bootstrap resamples of the prompts.
    permutations
        Of the weights within each pair of layers, for the p of roles.
    seed
        Of resamples, permutations and communities.
    """

    kind: ClassVar[str] = "network"
    version: ClassVar[int] = 3
    graph: GraphMeasurement = GraphMeasurement()
    threshold: float = 0.0
    resamples: int = 100
    permutations: int = 2000
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class BehaviourMeasurement:
    """The loss and the behaviours of one checkpoint.

    Attributes
    ----------
    samples
        Held-out samples on which the loss is measured.
    length
        Tokens of a held-out sample, for language models.
    task
        The repeated-token prompts on which heads are scored.
    passage
        Score the right next token at the end of the passage.
    """

    kind: ClassVar[str] = "behaviour"
    version: ClassVar[int] = 1
    samples: int = 256
    length: int = 128
    task: TaskSpec = TaskSpec()
    passage: bool = True
    seed: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentionMeasurement:
    """What every head attends to on a few prompts; made on demand, of single checkpoints.

    Attributes
    ----------
    task
        Few and short prompts: a record holds every pair of positions of every head.
    """

    kind: ClassVar[str] = "attention"
    version: ClassVar[int] = 1
    task: TaskSpec = TaskSpec(prompts=4, length=24)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImportedMeasurement:
    """One curve of a file that was made elsewhere: read by `compute.imported`, never computed.

    Attributes
    ----------
    name
        What the file calls the quantity.
    source
        Where the numbers come from, in the words of whoever imported them.
    file
        SHA-256 of the file, in hex: the curves of two files are two curves.
    """

    kind: ClassVar[str] = "imported"
    version: ClassVar[int] = 1
    name: str
    source: str
    file: str

    def __post_init__(self) -> None:
        """Refuse what a person could not read."""
        for what, text in (("name", self.name), ("source", self.source)):
            require(
                text.strip() != "" and text.isprintable(),
                f"the {what} of an imported curve must be one line of printable characters",
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CurvatureMeasurement:
    """The Hessian of the training loss at one checkpoint: its trace and the ends of its spectrum.

    Attributes
    ----------
    probes
        Random vectors for the trace, each on its own equal share of the samples.
    samples
        Drawn from the training distribution as for the LLC; a multiple of ``probes``.
    batch_size
        Of these, the first: the eigenvalues are those of their mean loss.
    length
        Tokens of a sample, for language models.
    eigenvalues
        How many of the largest are found; the smallest always is.
    iterations
        Of Lanczos at most; one product of the Hessian with a vector each.
    tolerance
        Lanczos ends where no residual is larger than this share of its own eigenvalue; 0 makes
        all iterations.
    seed
        Draws samples, probes and the vector that Lanczos starts from.
    """

    kind: ClassVar[str] = "curvature"
    version: ClassVar[int] = 1
    probes: int = 32
    samples: int = 32
    batch_size: int = 8
    length: int = 128
    eigenvalues: int = 5
    iterations: int = 40
    tolerance: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be estimated."""
        require(self.probes >= 1, "probes must be at least 1")
        require(
            self.samples >= self.probes and self.samples % self.probes == 0,
            "samples must be a multiple of probes: each probe has an equal share of them",
        )
        require(1 <= self.batch_size <= self.samples, "batch_size must be between 1 and samples")
        require(self.length >= 2, "length must be at least 2 tokens")
        require(self.eigenvalues >= 1, "eigenvalues must be at least 1")
        require(self.iterations > self.eigenvalues, "iterations must be more than eigenvalues")
        require(self.tolerance >= 0, "tolerance must not be negative")


# Sequences of a regression are short and many: as many as a few seconds allow.
REGRESSION_CURVATURE = CurvatureMeasurement(samples=1024, batch_size=256)

Measurement: TypeAlias = (
    GraphMeasurement
    | NetworkMeasurement
    | LLCMeasurement
    | CalibrationMeasurement
    | RefinedMeasurement
    | BehaviourMeasurement
    | ContextMeasurement
    | ShiftMeasurement
    | StructureMeasurement
    | OutputsMeasurement
    | AttentionMeasurement
    | CurvatureMeasurement
    | ImportedMeasurement
)
MEASUREMENTS: dict[str, type[Measurement]] = {
    m.kind: m
    for m in (
        GraphMeasurement,
        NetworkMeasurement,
        LLCMeasurement,
        CalibrationMeasurement,
        RefinedMeasurement,
        BehaviourMeasurement,
        ContextMeasurement,
        ShiftMeasurement,
        StructureMeasurement,
        OutputsMeasurement,
        AttentionMeasurement,
        CurvatureMeasurement,
        ImportedMeasurement,
    )
}


def spec_to_json(spec: Measurement) -> dict[str, Any]:
    """Return a spec as plain JSON values, its kind and version included."""
    return {"kind": spec.kind, "version": spec.version, **dataclasses.asdict(spec)}


def spec_from_json(value: dict[str, Any]) -> Measurement:
    """Return the spec that `spec_to_json` wrote.

    Raises
    ------
    SettingsError
        If the kind is unknown, a field is missing or unknown, or a value is refused.
    """
    fields = dict(value)
    kind = fields.pop("kind", None)
    fields.pop("version", None)
    if kind not in MEASUREMENTS:
        raise SettingsError(f"measurement kind {kind!r} is not one of {sorted(MEASUREMENTS)}")
    return _build(MEASUREMENTS[kind], fields)


def spec_digest(spec: Measurement) -> str:
    """Return 12 hex digits that name the settings: points of one curve share them."""
    text = json.dumps(spec_to_json(spec), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def measurement_key(
    spec: Measurement, *, run: str, step: int, weights_digest: str, data_digest: str
) -> str:
    """Return the key of a record: everything that its numbers depend on, as one string.

    The form is ``kind/version/run/step/sha256(weights digest, spec, data digest)``.
    """
    text = json.dumps([weights_digest, spec_to_json(spec), data_digest], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{spec.kind}/{spec.version}/{run}/{step}/{digest}"


class KeyParts(NamedTuple):
    """What can be read off a key without its record."""

    kind: str
    version: int
    run: str
    step: int

    @property
    def current(self) -> bool:
        """Whether this version of the project measures the same thing under that name."""
        known = MEASUREMENTS.get(self.kind)
        return known is not None and known.version == self.version


def key_parts(key: str) -> KeyParts:
    """Return the kind, version, run and step of a key that `measurement_key` made."""
    kind, version, run, step, _ = key.split("/")
    return KeyParts(kind, int(version), run, int(step))


_NESTED: dict[str, type] = {
    "task": TaskSpec,
    "ablation": AblationSpec,
    "llc": LLCSpec,
    "graph": GraphMeasurement,
}


def _build(cls: type, fields: dict[str, Any]) -> Any:
    values = {
        name: _build(_NESTED[name], dict(value)) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    try:
        return cls(**values)
    except TypeError as error:
        raise SettingsError(f"{cls.__name__}: {error}") from error


def standard_measurements(run: Run) -> tuple[Measurement, ...]:
    """Return what is measured of every checkpoint of ``run`` unless somebody asks for more.

    The LLC comes last: it costs most.
    """
    if run.family == "regression":
        graphs = [GraphMeasurement(task=TaskSpec(name="regression", prompts=64))]
        behaviour = BehaviourMeasurement(samples=8192)
    else:
        graphs = [
            GraphMeasurement(task=TaskSpec(name="text")),
            GraphMeasurement(task=TaskSpec(name="unigram")),
            GraphMeasurement(task=TaskSpec(name="uniform")),
            GraphMeasurement(task=TaskSpec(name="passage", prompts=1)),
        ]
        behaviour = BehaviourMeasurement(task=TaskSpec(name="unigram"))
    networks = [NetworkMeasurement(graph=graph) for graph in graphs]
    return (*graphs, *networks, behaviour, llc_measurement(run))


def demanded_measurements(run: Run) -> tuple[Measurement, ...]:
    """Return what is measured of single checkpoints of ``run`` when somebody asks for it."""
    if run.family == "regression":
        attention = AttentionMeasurement(task=TaskSpec(name="regression", prompts=4))
        return (
            attention, ShiftMeasurement(), StructureMeasurement(), OutputsMeasurement(),
            REGRESSION_CURVATURE, refined_measurement(run),
        )  # fmt: skip
    return (
        AttentionMeasurement(), ContextMeasurement(), StructureMeasurement(), OutputsMeasurement(),
        CurvatureMeasurement(), refined_measurement(run),
    )  # fmt: skip


def llc_measurement(run: Run) -> LLCMeasurement:
    """Return how the LLC of ``run`` is measured: as a calibration chose, or as is usual.

    Raises
    ------
    SettingsError
        If what is stored with the run cannot be read.
    """
    if not run.llc:
        return REGRESSION_LLC if run.family == "regression" else LANGUAGE_LLC
    try:
        spec = spec_from_json(json.loads(run.llc))
    except ValueError as error:
        raise SettingsError(f"run {run.name}: its LLC settings are no JSON: {error}") from error
    if not isinstance(spec, LLCMeasurement):
        raise SettingsError(f"run {run.name}: its LLC settings are those of {spec.kind!r}")
    return spec


def refined_measurement(
    run: Run, parts: Parts = "heads", data: DataName = "train"
) -> RefinedMeasurement:
    """Return how refined LLCs of ``run`` are measured: as its LLC, with half of the draws.

    Parts are many, and what one of them adds to the loss is noisier in fewer draws, not biased.
    """
    llc = llc_measurement(run)
    chains = dataclasses.replace(llc.llc, draws=-(-llc.llc.draws // 2))
    return RefinedMeasurement(
        parts=parts, data=data, llc=chains, samples=llc.samples, length=llc.length, seed=llc.seed
    )

"""What settings are called: in menus, beside curves, in lists and in addresses."""

from __future__ import annotations

import dataclasses

from compute.llc_specs import CalibrationMeasurement, LLCMeasurement, LLCSpec, RefinedMeasurement
from compute.runs import Run
from compute.specs import (
    Ablation,
    AblationSpec,
    AttentionMeasurement,
    CurvatureMeasurement,
    GraphMeasurement,
    ImportedMeasurement,
    Measurement,
    NetworkMeasurement,
    standard_measurements,
)

TASK_LABELS = {
    "text": "real text, repeated",
    "unigram": "unigram tokens, repeated",
    "uniform": "uniform tokens, repeated",
    "passage": "passage",
    "regression": "linear regression",
}
DATA_LABELS = {
    "train": "training data",
    "heldout": "held-out text",
    "unigram": "unigram tokens",
    "uniform": "uniform tokens",
}
NATURE_LABELS = {
    "context": "use of context",
    "shift": "larger inputs and tasks",
    "structure": "structure of weights and attention",
    "outputs": "outputs on fixed inputs",
}
HOOKS = "queries, keys, values (Rocchetti’s nodes)"
APPROXIMATION = "approximation"

_ABLATIONS: dict[Ablation, str] = {
    "zero": "An ablated component puts out zeros.",
    "mean": "An ablated component puts out its mean over prompts and positions.",
    "resample": "An ablated component puts out what it does on another prompt.",
}
_ATTRIBUTION = (
    "Not recomputed: a first-order approximation by gradients, which can be far from the exact "
    "graph where a component matters much."
)


def graph_key(spec: GraphMeasurement) -> str:
    """Return the name of a graph's setting in addresses: task, ablation, and what is not usual.

    >>> graph_key(GraphMeasurement())
    'text.zero'
    """
    how = spec.ablation
    parts: list[str] = [spec.task.name, how.ablation]
    parts += [how.granularity] if how.granularity != "components" else []
    parts += [how.method] if how.method != "exact" else []
    return ".".join(parts)


def exact_twin(spec: GraphMeasurement) -> GraphMeasurement:
    """Return the same measurement without approximation."""
    return dataclasses.replace(spec, ablation=dataclasses.replace(spec.ablation, method="exact"))


def is_approximate(spec: GraphMeasurement) -> bool:
    """Say whether a graph approximates the one that it is named for."""
    return spec.ablation.method != "exact"


def setting_order(spec: GraphMeasurement) -> tuple[int, int, int, int]:
    """Return where a graph's setting stands in menus: the usual first, approximations last."""
    how = spec.ablation
    return (
        list(TASK_LABELS).index(spec.task.name),
        int(is_approximate(spec)),
        int(how.granularity != "components"),
        list(_ABLATIONS).index(how.ablation),
    )


def ablation_label(spec: GraphMeasurement) -> str:
    """Return what a graph's ablation is called beside its task."""
    name = str(spec.ablation.ablation)
    if is_approximate(spec):
        return f"{name}, by attribution (approximate)"
    return name if spec.ablation.granularity == "components" else f"{name} · {HOOKS}"


def ablation_meaning(spec: GraphMeasurement) -> str:
    """Return in a sentence or two what an ablation does."""
    meaning = _ABLATIONS[spec.ablation.ablation]
    return f"{meaning} {_ATTRIBUTION}" if is_approximate(spec) else meaning


def graph_text(spec: GraphMeasurement) -> str:
    """Return the settings of a graph in a few words: the prompts and the ablation."""
    count = spec.task.prompts
    parts = [f"{count} prompt{'s' if count > 1 else ''}", f"{spec.ablation.ablation} ablation"]
    return ", ".join(parts + ([f"{APPROXIMATION} by attribution"] if is_approximate(spec) else []))


def network_text(spec: NetworkMeasurement) -> str:
    """Return which edges graph metrics count; says so if the graph is an approximation."""
    edges = f"edges ≥ {spec.threshold:g}" if spec.threshold else "all edges"
    return f"{edges}, {APPROXIMATION}" if is_approximate(spec.graph) else edges


def chains_text(llc: LLCSpec) -> str:
    """Return the settings of chains: how many of how many draws, and the numbers of their law.

    >>> chains_text(LLCSpec(preconditioner="rmsprop"))
    '4 × 200 · ε 0.001 · nβ 30 · γ 200 · batch 32 · RMSProp'
    """
    draws = f"up to {llc.ceiling}" if llc.rel_error else f"{llc.draws}"
    parts = [f"{llc.chains} × {draws}", f"ε {llc.step_size:g}", f"nβ {llc.nbeta:g}"]
    parts += [f"γ {llc.gamma:g}", f"batch {llc.batch_size}"]
    return " · ".join(parts + (["RMSProp"] if llc.preconditioner == "rmsprop" else []))


def llc_text(spec: LLCMeasurement) -> str:
    """Return the settings of an LLC."""
    return chains_text(spec.llc)


def refined_text(spec: RefinedMeasurement) -> str:
    """Return the settings of a refined LLC: what moves, on which data, and its chains."""
    return f"{spec.parts} on {DATA_LABELS[spec.data]} · {chains_text(spec.llc)}"


def imported_text(spec: ImportedMeasurement) -> str:
    """Return where an imported curve comes from, and which file it was; two may share a source."""
    return f"{spec.source} · file {spec.file[:8]}"


def curvature_text(spec: CurvatureMeasurement) -> str:
    """Return the settings of curvature: what the trace and what the eigenvalues are from."""
    samples = f"{spec.samples:,} sample{'s' if spec.samples > 1 else ''}"
    return f"trace: {spec.probes} probes, {samples} · eigenvalues: batch of {spec.batch_size:,}"


def compute_command(spec: GraphMeasurement, run: Run) -> str | None:
    """Return what to type to measure a graph that is not standard; None if no option says it.

    >>> from compute.specs import AblationSpec
    >>> run = Run(name="a", source="folder", location="/a", family="language", steps=(0,))
    >>> compute_command(GraphMeasurement(ablation=AblationSpec(ablation="mean")), run)
    'ontogeny compute a --kinds graph,network --ablation mean --task text'
    """
    how, usual = spec.ablation, AblationSpec()
    known = [s.task for s in standard_measurements(run) if isinstance(s, GraphMeasurement)]
    task = next((t for t in known if t.name == spec.task.name), None)
    named = dataclasses.replace(
        usual, ablation=how.ablation, granularity=how.granularity, method=how.method
    )
    if task is None or how != named:
        return None
    if dataclasses.replace(task, prompts=spec.task.prompts) != spec.task:
        return None
    options = {
        "ablation": how.ablation if how.ablation != usual.ablation else None,
        "granularity": how.granularity if how.granularity != usual.granularity else None,
        "method": how.method if how.method != usual.method else None,
        "task": task.name,
        "prompts": spec.task.prompts if spec.task.prompts != task.prompts else None,
    }
    said = [f"--{name} {value}" for name, value in options.items() if value is not None]
    return " ".join([f"ontogeny compute {run.name} --kinds graph,network", *said])


def measurement_label(spec: Measurement) -> str:
    """Return what a measurement is called in the coverage list."""
    if isinstance(spec, GraphMeasurement):
        kind = (
            f"{APPROXIMATION} of the ablation graph" if is_approximate(spec) else "ablation graph"
        )
        return f"{kind}, {TASK_LABELS[spec.task.name]}, {ablation_label(spec)}"
    if isinstance(spec, NetworkMeasurement):
        task, how = TASK_LABELS[spec.graph.task.name], ablation_label(spec.graph)
        return f"graph metrics, {task}, {how}, {network_text(spec)}"
    if isinstance(spec, AttentionMeasurement):
        return f"attention patterns, {TASK_LABELS[spec.task.name]}"
    if isinstance(spec, CurvatureMeasurement):
        return f"curvature, {curvature_text(spec)}"
    if spec.kind in NATURE_LABELS:
        return NATURE_LABELS[spec.kind]
    if isinstance(spec, ImportedMeasurement):
        return f"imported: {spec.name}"
    if isinstance(spec, RefinedMeasurement):
        return f"refined LLC, {refined_text(spec)}"
    if isinstance(spec, CalibrationMeasurement):
        return f"calibration, {chains_text(spec.llc)}"
    return "LLC" if isinstance(spec, LLCMeasurement) else "loss and behaviours"

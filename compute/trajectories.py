"""Essential dynamics: the ways of runs through the space of their outputs, along its main axes.

Principal components of the outputs of all checkpoints of one run (Hoogland et al. 2024,
arXiv:2402.02364) or of several at once, with simple predictors placed among them afterwards.

Distances are roots of mean squared differences over outputs: in nats for a language model's
centred log-probabilities, in the unit of y for a regression. Outputs that were projected at random
to d numbers keep a distance to a standard error of at most 1 / sqrt(2 d), 1.6 % for 2,048;
distances to references are exact.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from compute.behaviour_records import ModelOutputs
from compute.errors import SettingsError, require, require_one_of
from compute.random_walks import (
    Weights,
    checkpoint_weights,
    cosine_shares,
    random_walk_shares,
)

# Reference values of the same inputs differ between machines by their rounding only.
_SAME = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class RunTrajectory:
    """One run's way; NaN, in every row, where a checkpoint was not measured.

    Attributes
    ----------
    steps
        Ascending.
    scores
        The place of each checkpoint on each axis.
    beyond
        Its distance from the line, plane, .. of the first axis, the first two, ..: how much a
        drawing with so many axes leaves out.
    to_references
        Its distance to each reference, exact whatever was projected.
    speed
        Its distance to the measured checkpoint before, per unit of ln(1 + t); NaN at the first.
        The rounding of records adds to a distance, in quadrature, about 0.0004 of the root of the
        mean squared output.
    cosine_shares
        Of each axis, the share of the run's variance on it, 0 to 1, that is the cosine which a
        random walk shows there; NaN where there is none. Near 1, an arc means nothing.
    """

    steps: Int[ndarray, " steps"]
    scores: Float[ndarray, "steps axes"]
    beyond: Float[ndarray, "steps axes"]
    to_references: Float[ndarray, "steps references"]
    speed: Float[ndarray, " steps"]
    cosine_shares: Float[ndarray, " axes"]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Trajectories:
    """The ways of one or more runs along axes that they share.

    Attributes
    ----------
    runs
        By name, in the order in which they were given.
    explained
        Each axis's share of the variance over all runs, 0 to 1, falling; 0 where the checkpoints
        span fewer axes.
    walk
        The same, as expected of random walks of as many checkpoints; see `random_walk_shares`.
    references
        The names of simple predictors.
    reference_scores
        Their places on the axes, which they had no part in choosing.
    reference_beyond
        Their distances from the line, plane, .. of the first axis, the first two, ..
    """

    runs: dict[str, RunTrajectory]
    explained: Float[ndarray, " axes"]
    walk: Float[ndarray, " axes"]
    references: tuple[str, ...]
    reference_scores: Float[ndarray, "references axes"]
    reference_beyond: Float[ndarray, "references axes"]


def trajectory(
    outputs: Mapping[str, Mapping[int, ModelOutputs | None]],
    *,
    axes: int = 3,
    weights: Weights = "log_time",
) -> Trajectories:
    """Return the ways of runs along the main axes of all their outputs.

    Every run counts the same, however many checkpoints it has. The origin is the weighted mean of
    all checkpoints. Each axis is turned so that the last checkpoint of the run whose name sorts
    first lies on its positive side; nothing depends on the order of runs.

    Parameters
    ----------
    outputs
        Of each run, its records by step; None where not measured.
    axes
        How many are kept.
    weights
        How the checkpoints of a run count. ``log_time``: by the stretch of ln(1 + t) that they
        stand for, so that axes do not depend on where checkpoints lie close, and hardly move
        while a run is measured from coarse to fine. ``checkpoints``: all alike, as in the paper.

    Raises
    ------
    SettingsError
        If fewer than two checkpoints were measured, or runs were measured on different inputs.
    """
    require(axes >= 1, "axes must be at least 1")
    require_one_of("weights", weights, get_args(Weights))
    stacked = {name: _stack(outputs[name]) for name in sorted(outputs)}
    measured = [run for run in stacked.values() if run.records]
    if sum(len(run.records) for run in measured) < 2:
        raise SettingsError(
            "a trajectory needs the outputs of at least two checkpoints; compute 'outputs' for more"
        )
    _refuse_other_inputs(stacked)
    share = [checkpoint_weights(run.measured_steps, weights) for run in measured]
    space = _principal_axes(measured, np.concatenate(share) / len(measured), axes)
    names = measured[0].records[0].references
    places, beyond = _place_references(measured, space)
    return Trajectories(
        runs={name: _along(stacked[name], space, len(names), weights) for name in outputs},
        explained=space.explained,
        walk=random_walk_shares([r.measured_steps for r in measured], axes=axes, weights=weights),
        references=names,
        reference_scores=places,
        reference_beyond=beyond,
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Stack:
    """A run's measured checkpoints, as rows; ``known`` says which of ``steps`` they are."""

    steps: Int[ndarray, " steps"]
    known: Bool[ndarray, " steps"]
    records: tuple[ModelOutputs, ...]

    @property
    def measured_steps(self) -> Int[ndarray, " rows"]:
        return np.asarray(self.steps[self.known])

    def outputs(self) -> Float[ndarray, "rows dimensions"]:
        return np.array([record.outputs for record in self.records], dtype=np.float64)

    def squares_to_references(self) -> Float[ndarray, "rows references"]:
        """Return squared distances, from products that were never projected."""
        found = [r.square - 2 * r.reference_products + r.reference_squares for r in self.records]
        return np.maximum(found, 0)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Space:
    """Main axes of weighted rows; those beyond the rank are 0.

    ``directions`` are of unit length, and are ``mixture`` of the rows, which sums to zero.
    """

    mean: Float[ndarray, " dimensions"]
    directions: Float[ndarray, "dimensions axes"]
    mixture: Float[ndarray, "rows axes"]
    explained: Float[ndarray, " axes"]
    weight: Float[ndarray, " rows"]


def _stack(run: Mapping[int, ModelOutputs | None]) -> _Stack:
    steps = sorted(run)
    rows = [record if (record := run[t]) is not None and _finite(record) else None for t in steps]
    return _Stack(
        steps=np.array(steps, dtype=int),
        known=np.array([record is not None for record in rows], dtype=bool),
        records=tuple(record for record in rows if record is not None),
    )


def _finite(record: ModelOutputs) -> bool:
    return bool(np.isfinite(record.outputs).all() and np.isfinite(record.square))


def _refuse_other_inputs(stacked: Mapping[str, _Stack]) -> None:
    every = [
        (name, step, record)
        for name, run in stacked.items()
        for step, record in zip(run.measured_steps, run.records, strict=True)
    ]
    name, step, first = every[0]
    for other, at, record in every[1:]:
        if not _same_inputs(first, record):
            raise SettingsError(
                f"the outputs of {other!r} at step {at:,} and of {name!r} at step {step:,} are not "
                "of the same inputs and cannot be compared; measure both with the same settings "
                "on the same data"
            )


def _same_inputs(one: ModelOutputs, other: ModelOutputs) -> bool:
    return (
        one.outputs.shape == other.outputs.shape
        and one.references == other.references
        and np.allclose(one.reference_squares, other.reference_squares, rtol=_SAME)
        and np.allclose(one.reference_between, other.reference_between, rtol=_SAME, atol=_SAME)
    )


def _principal_axes(runs: Sequence[_Stack], weight: Float[ndarray, " rows"], axes: int) -> _Space:
    """Return the main axes, from the products of rows: there are fewer rows than dimensions."""
    rows = np.concatenate([run.outputs() for run in runs])
    mean = weight @ rows
    away = rows - mean
    drawn = np.sqrt(weight)[:, None] * away
    variance, vectors = np.linalg.eigh(drawn @ drawn.T)
    variance, vectors = variance[::-1], vectors[:, ::-1]
    smallest = len(rows) * np.finfo(np.float64).eps
    real = variance > max(smallest * variance[0], smallest**2 * np.square(rows).sum(1).max())
    kept = np.flatnonzero(real)[:axes]
    mixture, explained = np.zeros((len(rows), axes)), np.zeros(axes)
    mixture[:, : len(kept)] = np.sqrt(weight)[:, None] * vectors[:, kept] / np.sqrt(variance[kept])
    explained[: len(kept)] = variance[kept] / variance[real].sum()
    last = len(runs[0].records) - 1
    mixture *= np.where(away[last] @ (away.T @ mixture) < 0, -1.0, 1.0)
    return _Space(
        mean=mean, directions=away.T @ mixture, mixture=mixture, explained=explained, weight=weight
    )  # fmt: skip


def _place_references(
    runs: Sequence[_Stack], space: _Space
) -> tuple[Float[ndarray, "references axes"], Float[ndarray, "references axes"]]:
    """Return where references lie on the axes, and how far beyond those that are drawn.

    An axis is a mixture of rows, so a reference's product with it is that mixture of its products
    with the rows, which are exact: outputs that were projected keep their part along references.
    """
    products = np.array([record.reference_products for run in runs for record in run.records])
    places = products.T @ space.mixture - space.mean @ space.directions
    squares = runs[0].records[0].reference_squares
    from_mean = squares - 2 * space.weight @ products + space.mean @ space.mean
    return places, _beyond(from_mean, places)


def _beyond(
    squares: Float[ndarray, " points"], scores: Float[ndarray, "points axes"]
) -> Float[ndarray, "points axes"]:
    """Return what is left of distances from the mean, given their squares."""
    return np.sqrt(np.maximum(squares[:, None] - np.cumsum(scores**2, axis=1), 0))


def _along(run: _Stack, space: _Space, references: int, weights: Weights) -> RunTrajectory:
    # The shapes are said for a run without any record.
    rows = len(run.records)
    away = run.outputs().reshape(rows, len(space.mean)) - space.mean
    squares = run.squares_to_references().reshape(rows, references)
    scores = away @ space.directions
    gaps = np.diff(np.log1p(run.measured_steps))
    speed = np.full(rows, np.nan)
    speed[1:] = np.linalg.norm(np.diff(away, axis=0), axis=1) / gaps
    weight = checkpoint_weights(run.measured_steps, weights)
    return RunTrajectory(
        steps=run.steps,
        scores=_with_gaps(scores, run.known),
        beyond=_with_gaps(_beyond(np.square(away).sum(1), scores), run.known),
        to_references=_with_gaps(np.sqrt(squares), run.known),
        speed=_with_gaps(speed, run.known),
        cosine_shares=cosine_shares(scores, weight),
    )


def _with_gaps(values: ndarray, known: Bool[ndarray, " steps"]) -> ndarray:
    """Return rows of measured checkpoints as rows of all, NaN for the others."""
    every = np.full((len(known), *values.shape[1:]), np.nan)
    every[known] = values
    return every

"""Chains on their way: what every step of all chains leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from compute.errors import ChainsDiverged
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import ChainLoss, Minibatches
from compute.measure.diagnostics import standard_error
from compute.measure.langevin import RMSPropScale, acceptance, park_diverged, sgld_step

# Steps of each block of draws at which the Metropolis test is tried: one more gradient each.
TESTED_STEPS = 8


class Traces(NamedTuple):
    """What the kept steps of all chains left behind; burn-in is not in it.

    Attributes
    ----------
    losses
        After each kept step; NaN from where a chain diverged.
    baselines
        Loss at the centre on the same minibatches, which are those of every group.
    distances
        From the centre, Euclidean; NaN from where a chain diverged.
    gradient_to_noise, acceptance
        Mean over kept, and over tested, steps.
    """

    losses: Float[ndarray, "groups chains draws"]
    baselines: Float[ndarray, "chains draws"]
    distances: Float[ndarray, "groups chains draws"]
    gradient_to_noise: Float[ndarray, "groups chains"]
    acceptance: Float[ndarray, "groups chains"]


def sample_chains(
    chain_loss: ChainLoss,
    batches: Minibatches,
    spec: LLCSpec,
    generator: torch.Generator,
    on_draw: Callable[[int, int], None] | None = None,
) -> Traces:
    """Return what the chains of ``spec`` leave behind.

    Parameters
    ----------
    on_draw
        Called with (steps done, steps in all at most) after every step, burn-in included.

    Raises
    ------
    ChainsDiverged
        As soon as no group has half of its chains left.
    """
    walk = _Walk(chain_loss, batches, spec, generator)
    most = spec.burn_in + spec.ceiling
    kept = _Kept()
    for step in range(1, most + 1):
        drawn = step - spec.burn_in
        walk.step(tested=drawn > 0 and _is_tested(drawn, spec.draws))
        if drawn > 0:
            kept.take(walk)
        if on_draw is not None:
            on_draw(step, most)
        if drawn > 0 and drawn % spec.draws == 0 and _is_enough(kept.traces(), spec):
            break
    return kept.traces()


def enough_chains(finite: int, spec: LLCSpec) -> bool:
    """Say whether at least one chain, and at least half of them, are finite."""
    return finite > 0 and 2 * finite >= spec.chains


class _Walk:
    """The state of all chains: where they are, and the gradient and loss there."""

    def __init__(
        self,
        chain_loss: ChainLoss,
        batches: Minibatches,
        spec: LLCSpec,
        generator: torch.Generator,
    ) -> None:
        self._chain_loss, self._batches = chain_loss, batches
        self._spec, self._generator = spec, generator
        self._center = chain_loss.center[:, None]
        self._scale: Tensor | None = None
        self._rmsprop = RMSPropScale() if spec.preconditioner == "rmsprop" else None
        self._steps = 0
        self.w = self._center.repeat(1, spec.chains, 1)
        self.alive: Bool[Tensor, "groups chains"] = torch.ones(
            self.w.shape[:2], dtype=torch.bool, device=self.w.device
        )
        self.batch = batches.draw()
        self.gradient, self.losses = chain_loss.gradient(self.w, self.batch)
        self.accepted: Float[Tensor, "groups chains"] | None = None

    def step(self, *, tested: bool) -> None:
        """Move all chains, and measure the loss where they are then on new minibatches."""
        spec, before = self._spec, self.w
        if self._rmsprop is not None and self._steps < spec.burn_in:
            self._scale = self._rmsprop.learn(self.gradient)
        moved = sgld_step(
            before,
            self.gradient,
            self._center,
            step_size=spec.step_size,
            nbeta=spec.nbeta,
            gamma=spec.gamma,
            generator=self._generator,
            scale=self._scale,
        )
        self.w, self.alive = park_diverged(moved, self._center, self.alive)
        self._require_chains()
        self.accepted = self._acceptance(before) if tested else None
        self.batch = self._batches.draw()
        self.gradient, losses = self._chain_loss.gradient(self.w, self.batch)
        self.losses = losses.masked_fill(~self.alive, math.nan)
        self._steps += 1

    def baselines(self) -> Float[Tensor, " chains"]:
        """Return the loss at the centre on the minibatches of `losses`."""
        return self._chain_loss.at_center(self.batch).expand(self._spec.chains)

    def distances(self) -> Float[Tensor, "groups chains"]:
        """Return each chain's distance from the centre."""
        return (self.w - self._center).norm(dim=-1).masked_fill(~self.alive, math.nan)

    def gradient_to_noise(self) -> Float[Tensor, "groups chains"]:
        """Return the length of the gradient term of a step over that of its noise."""
        gradient = self.gradient if self._scale is None else self.gradient * self._scale.sqrt()
        size = self.w.shape[-1]
        return gradient.norm(dim=-1) * (
            self._spec.nbeta / 2 * math.sqrt(self._spec.step_size / size)
        )

    def _acceptance(self, before: Tensor) -> Float[Tensor, "groups chains"]:
        """Return how probably the step just made would be accepted, on its own minibatch."""
        gradient, losses = self._chain_loss.gradient(self.w, self.batch)
        pulls = [
            (w, self._spec.nbeta * g + self._spec.gamma * (w - self._center))
            for w, g in ((before, self.gradient), (self.w, gradient))
        ]
        squares = [
            (w - self._center).square().sum(-1, dtype=torch.float64) for w in (before, self.w)
        ]
        rise = self._spec.nbeta * (
            losses.double() - self.losses.double()
        ) + self._spec.gamma / 2 * (squares[1] - squares[0])
        probability = acceptance(
            pulls[0], pulls[1], rise, step_size=self._spec.step_size, scale=self._scale
        )
        return probability.masked_fill(~self.alive, math.nan)

    def _require_chains(self) -> None:
        if not bool(self.alive.all()):
            left = int(self.alive.sum(dim=-1).max())
            if not enough_chains(left, self._spec):
                raise ChainsDiverged(diverged_text(self._spec.chains - left, self._spec))


class _Kept:
    """Collects what a walk shows at its kept steps."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []
        self._baselines: list[Tensor] = []
        self._distances: list[Tensor] = []
        self._ratios: list[Tensor] = []
        self._accepted: list[Tensor] = []

    def take(self, walk: _Walk) -> None:
        """Keep what the step just made shows."""
        self._losses.append(walk.losses)
        self._baselines.append(walk.baselines())
        self._distances.append(walk.distances())
        self._ratios.append(walk.gradient_to_noise())
        if walk.accepted is not None:
            self._accepted.append(walk.accepted)

    def traces(self) -> Traces:
        """Return everything kept so far; the first kept step is always a tested one."""
        ratios = torch.stack(self._ratios).mean(dim=0, dtype=torch.float64)
        return Traces(
            losses=torch.stack(self._losses, dim=-1).numpy(force=True),
            baselines=torch.stack(self._baselines, dim=-1).numpy(force=True),
            distances=torch.stack(self._distances, dim=-1).numpy(force=True),
            gradient_to_noise=ratios.numpy(force=True),
            acceptance=torch.stack(self._accepted).mean(dim=0).numpy(force=True),
        )


def diverged_text(lost: int, spec: LLCSpec) -> str:
    """Return what happened to chains that did not stay finite, and what to do."""
    return (
        f"{lost} of {spec.chains} SGLD chains diverged at step_size {spec.step_size:g}, "
        f"nbeta {spec.nbeta:g}, gamma {spec.gamma:g}; lower step_size"
    )


def _is_tested(drawn: int, draws: int) -> bool:
    """Say whether the Metropolis test is tried at this draw: evenly over each block."""
    return (drawn - 1) % max(1, draws // TESTED_STEPS) == 0


def _is_enough(traces: Traces, spec: LLCSpec) -> bool:
    """Say whether every group's standard error is as small as the spec asks."""
    if not spec.rel_error:
        return True
    difference = traces.losses.astype(np.float64) - traces.baselines
    for group in difference:
        finite = group[np.isfinite(group).all(axis=1)]
        if enough_chains(len(finite), spec) and not (
            standard_error(finite) <= spec.rel_error * abs(finite.mean())
        ):
            return False
    return True

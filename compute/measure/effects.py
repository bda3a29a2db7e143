"""Effects of ablations, prompt by prompt, gathered into the record of a graph.

Memory does not grow with the number of prompts: every edge keeps a running sum and sum of squares,
and its means over a bounded number of groups of prompts, which the bootstrap resamples.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor
from torch.nn import functional as F

from compute.measure.logits import masked_mean
from compute.records import WIDE_GRAPH, AblationGraph
from compute.specs import Method

MOST_GROUPS = 32
FEWEST_GROUPS = 8
GROUP_BYTES = 16 << 20
_TINY = 1e-30
_LITTLE = 1e-2


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class PromptEffects:
    """What each ablation changes, for a few prompts; NaN where there is nothing.

    Attributes
    ----------
    weight, norm_change
        ``[prompts, n, n]``, as in `AblationGraph`.
    loss, logit
        ``[prompts, n]``: the ablated model's mean loss and mean right logit.
    clean_loss, clean_logit
        ``[prompts]``: the same of the model as it is.
    """

    weight: Tensor
    norm_change: Tensor
    loss: Tensor
    logit: Tensor
    clean_loss: Tensor
    clean_logit: Tensor

    @classmethod
    def empty(cls, prompts: int, components: int) -> PromptEffects:
        """Return effects that are all NaN, to be filled in."""
        pairs, ones = (prompts, components, components), (prompts, components)
        shapes = [pairs, pairs, ones, ones, (prompts,), (prompts,)]
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{n: torch.full(s, math.nan) for n, s in zip(names, shapes, strict=True)})


def compare(
    clean: Float[Tensor, "prompts positions *parts features"],
    ablated: Float[Tensor, "copies prompts positions *parts features"],
    mask: Bool[Tensor, "prompts positions"] | None = None,
) -> tuple[Tensor, Tensor]:
    """Return one minus cosine similarity, and the relative norm change, averaged over positions.

    Both are ``[prompts, copies, *parts]``: 0 to 2, and 0 or more. A vector that is zero, clean and
    ablated, does not change; one that is zero only when clean has weight 1 and norm change 1.
    Positions where ``mask`` is False do not count.
    """
    change = ablated - clean
    weight, relative = compare_changes(
        torch.linalg.vecdot(change, clean),
        torch.linalg.vecdot(change, change),
        torch.linalg.vecdot(clean, clean),
        lambda: F.cosine_similarity(ablated, clean.expand_as(ablated), dim=-1, eps=_TINY),
    )
    return over_positions(weight, mask), over_positions(relative, mask)


def compare_changes(
    along: Float[Tensor, "copies prompts positions *parts"],
    change_square: Float[Tensor, "copies prompts positions *parts"],
    clean_square: Float[Tensor, "prompts positions *parts"],
    cosine: Callable[[], Tensor],
) -> tuple[Tensor, Tensor]:
    """Return what `compare` does, at each position, from products of the change d with clean c.

    With ``x = (d . c) / c^2`` and ``y = d^2 / c^2``, one minus the cosine is
    ``(y - x^2) / (s (s + 1 + x))`` with ``s = sqrt(1 + 2x + y)``: unlike ``1 - cosine`` it keeps
    its relative precision where the change is small. ``cosine`` is asked only where next to
    nothing is left of the output, ``s`` near 0, since there it is the other way round.
    """
    nothing = clean_square == 0
    scale = torch.where(nothing, 1.0, clean_square)
    x, y = along / scale, change_square / scale
    left = 1 + 2 * x + y
    s = left.clamp_min(_TINY).sqrt_()
    near = (y - x.square()).clamp_min_(0) / (s * (s + 1 + x)).clamp_min_(_TINY)
    weight = torch.where(x > -0.5, near, 1 - (1 + x) / s)
    if bool((little := left < _LITTLE).any()):
        weight = torch.where(little, 1 - cosine(), weight)
    moved = (change_square > 0).to(weight.dtype)
    return torch.where(nothing, moved, weight), torch.where(nothing, moved, y.sqrt_())


def over_positions(values: Tensor, mask: Bool[Tensor, "prompts positions"] | None) -> Tensor:
    """Average ``[copies, prompts, positions, *parts]`` to ``[prompts, copies, *parts]``."""
    if mask is None:
        return values.mean(2).transpose(0, 1)
    shaped = mask.view(1, *mask.shape, *[1] * (values.ndim - 3))
    return masked_mean(values, shaped, 2).transpose(0, 1)


class _Moments:
    """Running mean and standard error over prompts, in float64."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._sum = torch.zeros(shape, dtype=torch.float64)
        self._squares = torch.zeros(shape, dtype=torch.float64)
        self._count = 0

    def add(self, values: Tensor) -> None:
        """Add one value for each prompt, ``[prompts, *shape]``."""
        values = values.double()
        self._sum += values.sum(0)
        self._squares += values.square().sum(0)
        self._count += len(values)

    def mean(self) -> ndarray:
        return (self._sum / self._count).numpy()

    def error(self) -> ndarray:
        """Return the standard error of the mean; NaN for a single prompt."""
        if self._count < 2:
            return np.full(tuple(self._sum.shape), np.nan)
        mean = self._sum / self._count
        variance = (self._squares / self._count - mean.square()).clamp_min(0)
        return (variance / (self._count - 1)).sqrt().numpy()


class Tally:
    """Gathers the effects of all prompts of one graph.

    Parameters
    ----------
    possible
        ``[n, n]``, True where an edge can be.
    prompts
        How many prompts will be added.
    """

    def __init__(self, possible: Bool[Tensor, "n n"], prompts: int) -> None:
        n = len(possible)
        self._possible, self._prompts = possible, prompts
        self._weight, self._norm = _Moments((n, n)), _Moments((n, n))
        self._loss, self._logit, self._clean = _Moments((n,)), _Moments((n,)), _Moments(())
        self._groups = group_count(prompts, int(possible.sum()))
        self._group_sums = torch.zeros(self._groups, int(possible.sum()), dtype=torch.float64)
        self._group_sizes = torch.zeros(self._groups, dtype=torch.float64)
        self._added = 0

    def add(self, effects: PromptEffects) -> None:
        """Add the effects of the next prompts."""
        self._weight.add(effects.weight)
        self._norm.add(effects.norm_change)
        self._loss.add(effects.loss - effects.clean_loss[:, None])
        self._logit.add(effects.logit - effects.clean_logit[:, None])
        self._clean.add(effects.clean_loss)
        for weight in effects.weight:
            if self._groups:
                group = self._added * self._groups // self._prompts
                self._group_sums[group] += weight[self._possible]
                self._group_sizes[group] += 1
            self._added += 1

    def record(self, components: tuple[str, ...], order: ndarray, method: Method) -> AblationGraph:
        """Return the record of all that was added."""
        kind = np.float16 if len(components) > WIDE_GRAPH else np.float32
        means = self._group_sums / self._group_sizes[:, None]
        return AblationGraph(
            components=components,
            order=order,
            method=method,
            prompts=self._added,
            weight=self._weight.mean().astype(kind),
            weight_error=self._weight.error().astype(kind),
            norm_change=self._norm.mean().astype(kind),
            norm_change_error=self._norm.error().astype(kind),
            loss_change=self._loss.mean().astype(np.float32),
            loss_change_error=self._loss.error().astype(np.float32),
            logit_change=self._logit.mean().astype(np.float32),
            logit_change_error=self._logit.error().astype(np.float32),
            loss=float(self._clean.mean()),
            weight_by_group=means.numpy().astype(np.float16),
        )


def group_count(prompts: int, edges: int) -> int:
    """Return into how many groups prompts are gathered for the bootstrap; 0 for none.

    One for each prompt, as long as there are few and they take little room; fewer groups than
    `FEWEST_GROUPS` would make no interval, so a graph with room for less keeps none.
    """
    room = GROUP_BYTES // max(1, 2 * edges)
    groups = min(prompts, MOST_GROUPS, room)
    return groups if groups >= min(prompts, FEWEST_GROUPS) else 0

r"""The ablation graph to first order, by gradients: for models too large for the exact one.

The exact weight is one minus a cosine, whose first derivative at the clean output is zero, so what
is approximated is the linear response of a target's output to the ablation, ``J (a' - a)``. Let
``p`` be its part at right angles to the output ``c``: one minus the cosine of ``c`` and ``c + p``
is ``1 - 1 / sqrt(1 + (p / c)^2)``. The size of ``p`` comes from random probes: for ``v`` of
independent normal entries at right angles to the output, ``(v . J (a' - a))^2`` has the mean
``p^2``, and ``v . J`` is one backward pass.

A backward pass through the whole network for every target would cost more than the exact graph. So
the heads of a block are told apart by their direct edges, whose backward passes go through one
block only, and the block's response along all paths is measured by one pass for all its heads; the
second is shared out as the first. The embedding, which no expansion around the clean pass reaches,
is ablated exactly.

Source: gradient times activation difference, Syed et al. (2023), arXiv:2310.10348.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from compute.measure.ablation import Sweep, possible_edges
from compute.measure.budget import Budget
from compute.measure.comparison import Prompts
from compute.measure.effects import PromptEffects, Tally
from compute.measure.logits import logit_factor, logit_stand_in, score_gradients
from compute.measure.replacements import Replacements
from compute.measure.replay import Recorder
from compute.models.loading import LoadedModel
from compute.records import AblationGraph
from compute.specs import AblationSpec

# A block's heads, or its MLP, or the logits.
Group: TypeAlias = tuple[Literal["heads", "mlp", "logits"], int]

_TINY = 1e-30


def attribution_graph(
    model: LoadedModel,
    tokens: Tensor,
    spec: AblationSpec | None = None,
    generator: torch.Generator | None = None,
    *,
    first_scored: int = 1,
    mask: Bool[Tensor, "prompts positions"] | None = None,
    reference: Tensor | None = None,
    max_tokens_in_flight: int | None = None,
) -> AblationGraph:
    """Return an approximation of `compute.measure.ablation.ablation_graph`.

    The parameters are the same; ``generator`` draws the probes, too.

    Notes
    -----
    ``weight_error`` covers the probes too. ``norm_change`` is NaN, but for the embedding's: it is
    not approximated. The loss and the logit are, to first order.
    """
    spec = spec or AblationSpec(method="attribution")
    generator = generator or torch.Generator().manual_seed(0)
    prompts = Prompts(tokens=tokens, mask=mask, first_scored=first_scored)
    prompts.require_usable()
    order = np.array([c.order for c in model.components], dtype=np.int16)
    possible = possible_edges(order, spec)
    tally = Tally(possible, len(tokens))
    budget = Budget(model, tokens.shape[1], max_tokens_in_flight)
    # Not inference mode: what is kept of a clean pass enters the gradients.
    with torch.no_grad():
        with Recorder(model) as recorder:
            sweep = Sweep(model, spec, prompts, recorder, budget)
            sweep.prepare(generator, reference)
        factor = sweep.logit_factor
        if factor is None and model.family == "language" and spec.logits:
            factor = logit_factor(model.anatomy.unembed)
        estimate = _Estimate(model, spec, possible, generator, factor)

        def effects(part: slice) -> PromptEffects:
            with recorder:
                _, values, found = sweep.begin(part)
            estimate.fill(found, prompts[part], values)
            return found

        for some in budget.over_prompts(len(tokens), 1, effects):
            tally.add(some)
    graph = tally.record(tuple(c.name for c in model.components), order, "attribution")
    return _saturated(graph)


def _saturated(graph: AblationGraph) -> AblationGraph:
    """Turn mean squares ``(p / c)^2`` into weights; the embedding's row has weights already.

    Groups of prompts, whose squares are noisy, are taken to first order around the mean of all:
    their mean is then the weight.
    """
    square = graph.weight.astype(np.float64)
    weights = 1 - 1 / np.sqrt(1 + square)
    slope = 0.5 * (1 + square) ** -1.5
    weights[0], slope[0] = square[0], 1.0
    edges = np.isfinite(square)
    groups = weights[edges] + slope[edges] * (graph.weight_by_group - square[edges])
    return dataclasses.replace(
        graph,
        weight=weights.astype(graph.weight.dtype),
        weight_error=(slope * graph.weight_error).astype(graph.weight.dtype),
        weight_by_group=groups.astype(np.float16),
    )


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class _Graph:
    """One pass that gradients can go back through.

    Attributes
    ----------
    outputs
        What each group of targets puts out.
    sources
        The same, as the rest of the pass reads it; cut off from what comes before, if the pass
        counts direct edges only.
    final
        The unembedding's input.
    """

    outputs: dict[Group, Tensor]
    sources: dict[Group, Tensor]
    final: Tensor


class _Estimate:
    """Approximates effects on a few prompts at a time."""

    def __init__(
        self,
        model: LoadedModel,
        spec: AblationSpec,
        possible: Bool[Tensor, "n n"],
        generator: torch.Generator,
        factor: Tensor | None,
    ) -> None:
        self._model, self._spec, self._generator = model, spec, generator
        self._possible, self._factor = possible, factor
        self._columns = {c.name: i for i, c in enumerate(model.components)}

    def fill(self, found: PromptEffects, prompts: Prompts, values: Replacements) -> None:
        """Fill in mean squares ``(p / c)^2``, and losses, of all but the embedding."""
        direct = self._pass(prompts, direct=True)
        for group in direct.outputs:
            found.weight[:, 1:, self._place(group)] = 0
        for _ in range(self._spec.probes):
            for group in direct.outputs:
                if group[0] == "heads":
                    self._probe_heads(found, direct, group, prompts, values)
        shares = {g: found.weight[:, 1:, self._place(g)].clone() for g in direct.outputs}
        del direct
        whole = self._pass(prompts, direct=False)
        for group in whole.outputs:
            square = torch.zeros(found.weight.shape[:2])
            for _ in range(self._spec.probes):
                probe = self._probe(whole, group, prompts)
                square += self._responses(whole, group, probe, values)
            self._share(found, group, square / self._spec.probes, shares[group])
        if self._spec.loss_change:
            self._fill_losses(found, whole, prompts, values)
        found.weight[:, 1:].masked_fill_(~self._possible[1:], torch.nan)

    def _probe_heads(
        self,
        found: PromptEffects,
        direct: _Graph,
        group: Group,
        prompts: Prompts,
        values: Replacements,
    ) -> None:
        """Add the squared responses of single heads along direct edges."""
        probe = self._probe(direct, group, prompts)
        first = self._place(group).start
        for head in range(self._model.anatomy.blocks[group[1]].heads):
            one = torch.zeros_like(probe)
            one[:, :, head] = probe[:, :, head]
            found.weight[:, :, first + head] += self._responses(direct, group, one, values)

    def _share(self, found: PromptEffects, group: Group, square: Tensor, direct: Tensor) -> None:
        """Give a group's squared response to its members as their direct ones are.

        The shares are those of all these prompts together. Each prompt's deviation from them is
        added to its own values: it leaves their mean as it is, and has their spread over prompts
        tell of the shares' uncertainty too (the infinitesimal jackknife).
        """
        columns = self._place(group)
        mean, whole = direct.mean(0), direct.sum(-1, keepdim=True)
        total = mean.sum(-1, keepdim=True)
        share = torch.where(total > 0, mean / total.clamp_min(_TINY), 1 / mean.shape[-1])
        deviation = direct / mean.clamp_min(_TINY) - whole / total.clamp_min(_TINY)
        values = square[:, 1:, None]
        spread = torch.where(mean > 0, deviation, 0.0) * values.mean(0)
        found.weight[:, 1:, columns] = share * (values + spread)

    def _responses(
        self, graph: _Graph, group: Group, probe: Tensor, values: Replacements
    ) -> Float[Tensor, "prompts components"]:
        """Return each source's squared response to one probe, by prompt."""
        output = graph.outputs[group]
        sums = self._dots(graph, group, output, probe.flatten(2).view_as(output), values)
        return sums.square()

    def _dots(
        self, graph: _Graph, group: Group, output: Tensor, upstream: Tensor, values: Replacements
    ) -> Float[Tensor, "prompts components"]:
        """Return the gradient at every source times its change, summed over positions."""
        sums = torch.zeros(len(output), len(self._columns))
        if not output.requires_grad:
            return sums  # The first block reads the embedding alone.
        sources = {s: leaf for s, leaf in graph.sources.items() if s != group}
        gradients = torch.autograd.grad(
            output, list(sources.values()), upstream, retain_graph=True, allow_unused=True
        )
        for (source, leaf), gradient in zip(sources.items(), gradients, strict=True):
            if gradient is not None:
                value = (values.z if source[0] == "heads" else values.mlp)[source[1]]
                moved = (value - leaf.detach()) * gradient
                places = self._place(source)
                by_part = moved.unflatten(-1, (places.stop - places.start, -1))
                sums[:, places] = by_part.sum((1, 3))
        return sums

    def _probe(self, graph: _Graph, group: Group, prompts: Prompts) -> Tensor:
        """Return a probe ``[B, T, parts, features]``: at right angles to each output, over it.

        Its squared product with a change has the mean of ``(p / c)^2`` over positions.
        """
        places = self._place(group)
        output = graph.outputs[group].detach()
        parts = output.unflatten(-1, (places.stop - places.start, -1))
        length = parts.norm(dim=-1, keepdim=True).clamp_min(_TINY)
        direction = parts / length
        drawn = torch.randn(parts.shape, generator=self._generator)
        drawn = drawn - (drawn * direction).sum(-1, keepdim=True) * direction
        mask = prompts.mask
        kept = parts.new_ones(parts.shape[:2]) if mask is None else mask.float()
        scale = (kept / kept.sum(1, keepdim=True)).sqrt()
        return drawn / length * scale[..., None, None]

    def _fill_losses(
        self, found: PromptEffects, whole: _Graph, prompts: Prompts, values: Replacements
    ) -> None:
        """Fill in the losses and right logits that the gradients foresee."""
        group: Group = ("logits", len(self._model.anatomy.blocks))
        if self._model.family == "regression":
            output = whole.outputs[group]
            error = output.detach()[:, 0] - prompts.tokens[:, 1::2, 0]
            upstream = (2 * error / error.shape[1])[:, None]
            change = self._dots(whole, group, output, upstream, values)
            found.loss[:, 1:] = (found.clean_loss[:, None] + change)[:, 1:]
        else:
            gradients = score_gradients(
                self._model.anatomy.unembed, whole.final, prompts.tokens,
                first_scored=prompts.first_scored, mask=prompts.mask,
            )  # fmt: skip
            pairs = ((found.loss, found.clean_loss), (found.logit, found.clean_logit))
            for upstream, (into, clean) in zip(gradients, pairs, strict=True):
                change = self._dots(whole, group, whole.final, upstream, values)
                into[:, 1:] = (clean[:, None] + change)[:, 1:]
        found.loss[:, -1] = found.logit[:, -1] = torch.nan

    def _pass(self, prompts: Prompts, *, direct: bool) -> _Graph:
        """Run the model so that gradients reach every component's output."""
        outputs: dict[Group, Tensor] = {}
        sources: dict[Group, Tensor] = {}

        def through(group: Group, value: Tensor) -> Tensor:
            outputs[group] = value
            cut = direct or not value.requires_grad
            sources[group] = value.detach().requires_grad_() if cut else value
            return sources[group].clone()

        def merge(group: Group) -> Any:
            return lambda module, args: (through(group, args[0]), *args[1:])

        def mlp(group: Group) -> Any:
            def hook(module: nn.Module, args: Any, output: Any) -> Any:
                first = output[0] if isinstance(output, tuple) else output
                shaped = first.view(*prompts.tokens.shape[:2], -1)
                new = through(group, shaped).view_as(first)
                return (new, *output[1:]) if isinstance(output, tuple) else new

            return hook

        with torch.enable_grad(), contextlib.ExitStack() as stack:
            for layer, part in enumerate(self._model.anatomy.blocks):
                hooks = [part.merge.register_forward_pre_hook(merge(("heads", layer)))]
                if part.mlp_output is not None:
                    hooks.append(part.mlp_output.register_forward_hook(mlp(("mlp", layer))))
                for hook in hooks:
                    stack.callback(hook.remove)
            final = self._model.trunk(prompts.tokens, prompts.mask)
            if self._spec.logits:
                outputs[("logits", len(self._model.anatomy.blocks))] = self._logits(final)
        return _Graph(outputs=outputs, sources=sources, final=final)

    def _logits(self, final: Tensor) -> Tensor:
        """Return what stands for the logits; a soft cap is left out, as a first-order nothing."""
        if self._factor is not None:
            return logit_stand_in(self._factor, final)
        return self._model.anatomy.unembed.linear(final)[:, 0::2, 0][:, None]

    def _place(self, group: Group) -> slice:
        """Return the columns, and rows, of a group."""
        kind, layer = group
        if kind == "logits":
            return slice(len(self._columns) - 1, len(self._columns))
        first = self._columns[f"L{layer}H0" if kind == "heads" else f"L{layer}MLP"]
        width = self._model.anatomy.blocks[layer].heads if kind == "heads" else 1
        return slice(first, first + width)

"""The exact ablation graph, by suffix replay.

One clean pass keeps each block's input. To ablate the components of a block, its output is formed
once for every component, and only the blocks after it run, on a batch with one copy for each
component. Logits are formed only where the loss is asked for.

Source: Rocchetti (2025), arXiv:2509.15269; total effects, with everything downstream recomputed.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from compute.errors import MeasurementError
from compute.measure.budget import Budget
from compute.measure.comparison import Comparison, Prompts
from compute.measure.effects import PromptEffects, Tally
from compute.measure.replacements import MeanOutputs, Replacements, donors, outputs_of, zeros
from compute.measure.replay import (
    CleanPass,
    Recorder,
    after_attention_change,
    after_mlp_change,
    first_hidden,
    head_contributions,
    replay,
    run_clean,
)
from compute.models.loading import LoadedModel
from compute.records import AblationGraph
from compute.specs import AblationSpec


def ablation_graph(
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
    """Return the exact ablation graph of ``model`` on ``tokens``, of its components.

    Parameters
    ----------
    tokens
        ``[prompts, positions]`` token ids, or ``[prompts, positions, features]`` for regression.
    spec
        The defaults of `AblationSpec` if None.
    generator
        Draws the donors of resample ablation; from seed 0 if None.
    first_scored
        The first position whose prediction counts in the losses, from 1; language only.
    mask
        True where there is a token, False where there is padding, on either side; language only.
        Padding is neither attended to nor averaged over.
    reference
        The prompts whose mean output stands in under mean ablation; ``tokens`` if None.
    max_tokens_in_flight
        Bounds the memory; chosen from what is free if None.

    Raises
    ------
    ValueError
        If ``tokens`` has fewer than two positions.
    MeasurementError
        If the spec asks for another graph or does not fit the prompts, or a single prompt does not
        fit into memory.

    Notes
    -----
    Every block is run once for each component before it. Memory does not grow with the number of
    prompts.
    """
    spec = spec or AblationSpec()
    if (spec.granularity, spec.method) != ("components", "exact"):
        raise MeasurementError(
            "ablation_graph measures the exact graph of components; for others use hook_graph "
            "or attribution_graph"
        )
    prompts = Prompts(tokens=tokens, mask=mask, first_scored=first_scored)
    prompts.require_usable()
    names = tuple(c.name for c in model.components)
    order = np.array([c.order for c in model.components], dtype=np.int16)
    tally = Tally(possible_edges(order, spec), len(tokens))
    budget = Budget(model, tokens.shape[1], max_tokens_in_flight)
    most = max(part.parts for part in model.anatomy.blocks)
    with torch.inference_mode(), Recorder(model) as recorder:
        sweep = Sweep(model, spec, prompts, recorder, budget)
        sweep.prepare(generator or torch.Generator().manual_seed(0), reference)
        for effects in budget.over_prompts(len(tokens), most, sweep.effects):
            tally.add(effects)
    return tally.record(names, order, "exact")


def possible_edges(order: np.ndarray, spec: AblationSpec) -> Tensor:
    """Return where an edge can be, ``[n, n]``."""
    depth = torch.from_numpy(order)
    possible = depth[:, None] < depth[None, :]
    if not spec.embedding:
        possible[0] = False
    if not spec.logits:
        possible[:, -1] = False
    return possible


class Sweep:
    """Ablates every component of one checkpoint, for a few prompts at a time."""

    def __init__(
        self,
        model: LoadedModel,
        spec: AblationSpec,
        prompts: Prompts,
        recorder: Recorder,
        budget: Budget,
    ) -> None:
        self._model, self._spec, self._prompts = model, spec, prompts
        self._recorder, self._budget = recorder, budget
        self._means: Replacements | None = None
        self._donors: Tensor | None = None
        self._comparison = Comparison(model, spec, len(model.components))

    @property
    def logit_factor(self) -> Tensor | None:
        """What turns the unembedding's input into a stand-in for logits; None where nothing does.

        It costs a product of the unembedding with itself, so it is made once.
        """
        return self._comparison.factor

    def prepare(self, generator: torch.Generator, reference: Tensor | None) -> None:
        """Gather what the ablation puts in place of outputs.

        Raises
        ------
        MeasurementError
            If resample ablation is asked for on a single prompt, or with padding.
        """
        if self._spec.ablation == "resample":
            if self._prompts.mask is not None:
                raise MeasurementError(
                    "resample ablation needs prompts of one length, without padding"
                )
            self._donors = donors(len(self._prompts.tokens), generator)
        if self._spec.ablation == "mean":
            self._means = self._mean_outputs(reference)

    def effects(self, part: slice) -> PromptEffects:
        """Return the effects of every component on the prompts of ``part``."""
        clean, values, found = self.begin(part)
        row = 1
        for layer, block in enumerate(self._model.anatomy.blocks):
            for parts in self._budget.copies(block.parts, len(clean.final)):
                self._ablate(clean, values, layer, parts, row)
            row += block.parts
        return found

    def begin(self, part: slice) -> tuple[CleanPass, Replacements, PromptEffects]:
        """Return a clean pass on some prompts, what ablation puts in place of its outputs, and
        effects that hold those of the embedding so far.
        """
        prompts = self._prompts[part]
        clean = self._clean(prompts)
        values = self._values(part, clean)
        found = self._comparison.begin(prompts, clean)
        if self._spec.embedding:
            hidden = first_hidden(self._model, prompts.tokens, prompts.mask, values.embedding)
            self._replay(clean, slice(0, 1), 0, hidden[None])
        return clean, values, found

    def _ablate(
        self, clean: CleanPass, values: Replacements, layer: int, parts: range, row: int
    ) -> None:
        """Ablate some components of one block: heads by number, then the MLP."""
        block, seen = self._model.anatomy.blocks[layer], clean.blocks[layer]
        heads = range(parts.start, min(parts.stop, block.heads))
        hidden = []
        if heads:
            assert seen.z is not None
            change = head_contributions(block, values.z[layer] - seen.z, heads)
            hidden.append(after_attention_change(block, seen, change))
            own = self._recorder.take(layer, hidden[0].flatten(0, 1))
            if own.mlp is not None and not block.parallel:
                rows = slice(row + heads.start, row + heads.stop)
                self._comparison.mlp(rows, layer, own.mlp)
        if parts.stop > block.heads:
            assert seen.mlp is not None
            hidden.append(after_mlp_change(block, seen, (values.mlp[layer] - seen.mlp)[None]))
        rows = slice(row + parts.start, row + parts.stop)
        self._replay(clean, rows, layer + 1, torch.cat(hidden))

    def _replay(self, clean: CleanPass, rows: slice, first: int, hidden: Tensor) -> None:
        """Run the blocks from ``first`` on and compare what they put out."""
        visit = partial(self._comparison.block, rows)
        final = replay(self._model, clean, first, hidden, self._recorder, visit)
        self._comparison.final(rows, final)

    def _clean(self, prompts: Prompts) -> CleanPass:
        return run_clean(self._model, prompts.tokens, prompts.mask, self._recorder)

    def _values(self, part: slice, clean: CleanPass) -> Replacements:
        """Return what the prompts of ``part`` get in place of their outputs."""
        if self._means is not None:
            return self._means
        if self._donors is not None:
            others = Prompts(tokens=self._prompts.tokens[self._donors[part]])
            return outputs_of(self._clean(others))
        return zeros(clean)

    def _mean_outputs(self, reference: Tensor | None) -> Replacements:
        prompts = self._prompts if reference is None else Prompts(tokens=reference)
        means = MeanOutputs()

        def gather(part: slice) -> None:
            chosen = prompts[part]
            means.add(self._clean(chosen), chosen.mask)

        for _ in self._budget.over_prompts(len(prompts.tokens), 1, gather):
            pass
        return means.replacements()

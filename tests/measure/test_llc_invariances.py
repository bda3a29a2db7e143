"""What must not change an LLC does not: symmetries of the loss, and of a real transformer."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from compute.llc_records import RefinedLLC
from compute.llc_specs import LLCSpec
from compute.measure.chain_loss import Data
from compute.measure.coordinates import Params
from compute.measure.llc import estimate_llc
from compute.measure.model_loss import functional_loss
from compute.measure.refined import estimate_refined
from compute.models.loading import wrap_model
from compute.models.weights import weights_of
from tests.small_models import VOCABULARY, language_module
from tests.toy_losses import estimate

HEADS, WIDTH = 4, 8
SPEC = LLCSpec(
    step_size=1e-4, nbeta=100.0, gamma=100.0, chains=4, burn_in=5, draws=10, batch_size=4
)


def tokens() -> Tensor:
    return torch.randint(VOCABULARY, (32, 12), generator=torch.Generator().manual_seed(1))


def refined_heads(module: nn.Module, order: list[str] | None = None) -> RefinedLLC:
    """Return the refined LLC of the heads, all or in an order, on `tokens`."""
    loss, params = functional_loss(module, "language")
    parts = weights_of(wrap_model(module), "heads")
    chosen = {name: parts[name] for name in order or parts}
    return estimate_refined(loss, params, chosen, tokens(), SPEC, torch.Generator().manual_seed(0))


def with_heads_swapped(module: nn.Module, layer: int, one: int, other: int) -> nn.Module:
    """Return a GPT-NeoX in which two heads of a layer have changed places."""
    swapped: Any = copy.deepcopy(module)
    attention = swapped.gpt_neox.layers[layer].attention
    order = list(range(HEADS))
    order[one], order[other] = order[other], order[one]
    with torch.no_grad():
        fused, merge = attention.query_key_value, attention.dense
        fused.weight.copy_(fused.weight.view(HEADS, -1, HEADS * WIDTH)[order].flatten(0, 1))
        fused.bias.copy_(fused.bias.view(HEADS, -1)[order].flatten())
        merge.weight.copy_(merge.weight.view(-1, HEADS, WIDTH)[:, order].flatten(1))
    return swapped


class TestTransformers:
    def test_heads_that_change_places_take_their_refined_llc_along(self) -> None:
        module = language_module("gpt_neox")
        swapped = with_heads_swapped(module, 1, 0, 2)
        before = refined_heads(module, ["L1H0", "L1H1", "L1H2", "L1H3"])
        after = refined_heads(swapped, ["L1H2", "L1H1", "L1H0", "L1H3"])
        np.testing.assert_allclose(after.llc, before.llc, rtol=2e-3, atol=1e-3)

    def test_the_llc_of_the_whole_does_not_see_the_swap(self) -> None:
        estimates = []
        for module in (
            language_module("gpt_neox"),
            with_heads_swapped(language_module("gpt_neox"), 1, 0, 2),
        ):
            loss, params = functional_loss(module, "language")
            generator = torch.Generator().manual_seed(0)
            estimates.append(estimate_llc(loss, params, tokens(), SPEC, generator))
        one, other = estimates
        error = np.hypot(one.standard_error, other.standard_error)
        assert one.initial_loss == pytest.approx(other.initial_loss, rel=1e-5)
        assert abs(one.llc - other.llc) < 3 * error

    def test_a_head_whose_output_is_multiplied_by_zero_has_no_llc(self) -> None:
        module: Any = language_module("gpt_neox")

        def silence(_: nn.Module, args: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            mask = torch.ones(HEADS * WIDTH)
            mask[2 * WIDTH : 3 * WIDTH] = 0
            return (args[0] * mask,)

        parts = weights_of(wrap_model(module), "heads")
        module.gpt_neox.layers[1].attention.dense.register_forward_pre_hook(silence)
        loss, params = functional_loss(module, "language")
        got = estimate_refined(
            loss, params, parts, tokens(), SPEC, torch.Generator().manual_seed(0)
        )
        silent = got.parts.index("L1H2")
        assert abs(got.llc[silent]) <= 3 * got.standard_error[silent] + 1e-3
        assert np.abs(np.delete(got.llc, silent)).min() > 0.01

    @pytest.mark.parametrize("parts", ["heads", "mlps", "layers", "embeddings"])
    def test_every_kind_of_part_moves_alone(self, parts: Any) -> None:
        module = language_module("gpt_neox")
        loss, params = functional_loss(module, "language")
        found = weights_of(wrap_model(module), parts)
        got = estimate_refined(
            loss, params, found, tokens(), SPEC, torch.Generator().manual_seed(0)
        )
        assert got.parts == tuple(found)
        # A random walk tied to the centre: the distance tells the number of weights that moved.
        spread = 1 - (1 - SPEC.step_size * SPEC.gamma / 2) ** (2 * (SPEC.burn_in + SPEC.draws))
        free = np.sqrt(got.parameters / SPEC.gamma * spread)
        np.testing.assert_allclose(got.distance, free, rtol=0.15)


def test_scaling_along_a_symmetry_of_the_loss_does_not_change_it() -> None:
    """``(w1 w2 - 1)^2 / 2`` has LLC 1/2 at every point of its valley, however steep it is there."""
    found = []
    for scale in (1.0, 1.5, 2.0):
        got = estimate(
            lambda params, batch: (params["w"][0] * params["w"][1] - 1) ** 2 / 2,
            {"w": torch.tensor([scale, 1 / scale])},
            step_size=4e-6, nbeta=10_000.0, gamma=100.0, chains=300, burn_in=600, draws=200,
        )  # fmt: skip
        found.append(got.llc)
    # Steepness h = w1^2 + w2^2 shows only in gamma / (nbeta h) and eps nbeta h / 4: at most 5 %.
    np.testing.assert_allclose(found, 0.5, rtol=0.09)


def test_a_direction_that_is_given_twice_counts_once() -> None:
    """A loss of w1 + w2 is as degenerate as one of w1 alone: LLC 1/2, not 1."""

    def once(params: Params, batch: Data) -> Tensor:
        return params["w"][0] ** 2 / 2

    def twice(params: Params, batch: Data) -> Tensor:
        return params["w"].sum() ** 2 / 2

    settings = {
        "step_size": 1e-4, "nbeta": 1000.0, "gamma": 1.0, "chains": 500, "burn_in": 300,
        "draws": 200,
    }  # fmt: skip
    one = estimate(once, {"w": torch.zeros(2)}, **settings)
    two = estimate(twice, {"w": torch.zeros(2)}, **settings)
    # The step is finite: 1 / (1 - eps nbeta h / 4), h = 1 and 2.
    assert one.llc == pytest.approx(0.5 / (1 - 0.025), rel=0.03)
    assert two.llc == pytest.approx(0.5 / (1 - 0.05), rel=0.03)

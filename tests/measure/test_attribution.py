from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from compute.errors import MeasurementError
from compute.measure.ablation import ablation_graph
from compute.measure.attribution import attribution_graph
from compute.models.developments.regression_transformer import draw_sequences
from compute.specs import AblationSpec
from tests.small_models import VOCABULARY, language_model, regression_model

TOKENS = torch.randint(1, VOCABULARY, (8, 12), generator=torch.Generator().manual_seed(0))
MANY = AblationSpec(method="attribution", probes=64)


def quiet_model(kind, factor=0.0005):
    """A model whose components say so little that the response to them is linear."""
    model = language_model(kind)
    with torch.no_grad():
        for part in model.anatomy.blocks:
            for module in (part.merge, part.mlp_down):
                module.weight.mul_(factor)
                if module.bias is not None:
                    module.bias.mul_(factor)
    return model


@pytest.mark.parametrize("kind", ["gpt_neox", "gpt2", "llama", "falcon", "bloom", "opt"])
def test_where_the_response_is_linear_it_is_the_exact_graph(kind):
    model = quiet_model(kind)
    exact = ablation_graph(model, TOKENS)
    estimate = attribution_graph(model, TOKENS, MANY)
    edges = np.isfinite(exact.weight)
    np.testing.assert_array_equal(edges, np.isfinite(estimate.weight))
    edges[0] = False
    ratio = estimate.weight[edges] / exact.weight[edges]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
    assert spearmanr(estimate.weight[edges], exact.weight[edges])[0] > 0.97
    np.testing.assert_allclose(
        estimate.loss_change[1:-1], exact.loss_change[1:-1], rtol=0.3, atol=3e-4
    )
    np.testing.assert_allclose(
        estimate.logit_change[1:-1], exact.logit_change[1:-1], rtol=0.3, atol=3e-3
    )


@pytest.mark.parametrize("ablation", ["mean", "resample"])
def test_it_approximates_the_other_ablations_too(ablation):
    model = quiet_model("gpt2")
    draws = (torch.Generator().manual_seed(1) for _ in range(2))
    exact = ablation_graph(model, TOKENS, AblationSpec(ablation=ablation), next(draws))
    spec = AblationSpec(ablation=ablation, method="attribution", probes=64)
    estimate = attribution_graph(model, TOKENS, spec, next(draws))
    edges = np.isfinite(exact.weight)
    edges[0] = False
    assert np.median(estimate.weight[edges] / exact.weight[edges]) == pytest.approx(1, abs=0.1)


def test_the_embedding_is_ablated_exactly():
    model = language_model("gpt_neox")
    exact, estimate = ablation_graph(model, TOKENS), attribution_graph(model, TOKENS)
    np.testing.assert_allclose(estimate.weight[0], exact.weight[0], atol=1e-6)
    assert estimate.loss_change[0] == pytest.approx(exact.loss_change[0], abs=1e-5)


def test_padding_counts_nowhere():
    model = quiet_model("gpt2")
    mask = torch.ones_like(TOKENS, dtype=torch.bool)
    mask[:4, 6:] = False
    exact = ablation_graph(model, TOKENS.masked_fill(~mask, 0), mask=mask)
    estimate = attribution_graph(model, TOKENS.masked_fill(~mask, 0), MANY, mask=mask)
    edges = np.isfinite(exact.weight)
    edges[0] = False
    assert np.median(estimate.weight[edges] / exact.weight[edges]) == pytest.approx(1, abs=0.1)


def test_resampling_is_refused_with_padding_as_for_the_exact_graph():
    spec = AblationSpec(ablation="resample", method="attribution")
    mask = torch.ones_like(TOKENS, dtype=torch.bool)
    with pytest.raises(MeasurementError, match="without padding"):
        attribution_graph(language_model("gpt2"), TOKENS, spec, mask=mask)


def test_its_error_covers_the_probes():
    model = quiet_model("gpt2")
    tokens = torch.randint(1, VOCABULARY, (48, 12), generator=torch.Generator().manual_seed(1))
    truth = attribution_graph(model, tokens, MANY)
    edges = np.isfinite(truth.weight)
    edges[0] = False
    inside = []
    for seed in range(4):
        spec = AblationSpec(method="attribution", probes=1)
        graph = attribution_graph(model, tokens, spec, torch.Generator().manual_seed(seed))
        distance = abs(graph.weight[edges] - truth.weight[edges])
        inside.append((distance < 2 * graph.weight_error[edges]).mean())
    assert np.mean(inside) > 0.88


def test_the_groups_of_prompts_have_the_weights_as_their_mean():
    graph = attribution_graph(language_model("gpt2"), TOKENS)
    edges = np.isfinite(graph.weight)
    np.testing.assert_allclose(graph.weight_by_group.mean(0), graph.weight[edges], atol=2e-2)


def test_it_says_what_it_is_and_what_it_does_not_know():
    graph = attribution_graph(language_model("gpt2"), TOKENS)
    assert graph.method == "attribution"
    assert np.isnan(graph.norm_change[1:]).all()
    assert np.nanmax(graph.weight[1:]) <= 1


def test_the_same_seed_gives_the_same_graph():
    model = language_model("gpt2")
    first, second = (
        attribution_graph(model, TOKENS, None, torch.Generator().manual_seed(7)) for _ in range(2)
    )
    np.testing.assert_array_equal(first.weight, second.weight)


def test_the_regression_transformer_works_too():
    model = regression_model()
    tokens = draw_sequences(model.module.config, 6, generator=torch.Generator().manual_seed(0))
    graph = attribution_graph(model, tokens)
    exact = ablation_graph(model, tokens)
    edges = np.isfinite(exact.weight)
    np.testing.assert_array_equal(edges, np.isfinite(graph.weight))
    assert spearmanr(graph.weight[edges], exact.weight[edges])[0] > 0.8
    np.testing.assert_allclose(graph.loss_change[1:-1], exact.loss_change[1:-1], atol=0.2)

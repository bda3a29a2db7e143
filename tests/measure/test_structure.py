"""What a model is made of, against plain loops, and where the answer is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from compute.errors import MeasurementError
from compute.measure.behaviour import attention_patterns
from compute.measure.composition import compose
from compute.measure.structure import measure_structure, singular_values
from compute.models.developments.regression_transformer import (
    RegressionAttention,
    RegressionConfig,
    RegressionTransformer,
    draw_sequences,
)
from compute.models.head_weights import head_weights
from compute.models.loading import wrap_model
from tests.measure.built_models import induction_model, repetitions
from tests.small_models import VOCABULARY, language_model, native_model, regression_model

KINDS = ("gpt_neox", "gpt2", "llama", "native_attention_only", "icl_regression")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def tokens_of(kind, samples=5, positions=9):
    if kind == "icl_regression":
        return draw_sequences(RegressionConfig(), samples, generator=seeded())
    return torch.randint(VOCABULARY, (samples, positions), generator=seeded())


def model_of(kind):
    if kind == "icl_regression":
        return regression_model()
    return native_model(kind) if kind.startswith("native") else language_model(kind)


def looped_attention(patterns):
    """Mean entropy, its error, and variability, of one head's patterns on all samples."""
    entropies = []
    for pattern in patterns:
        rows = []
        for query in range(1, len(pattern)):
            shares = [pattern[query, key] for key in range(query + 1)]
            rows.append(-sum(p * math.log(p) for p in shares if p > 0))
        entropies.append(np.mean(rows))
    mean = sum(patterns) / len(patterns)
    far = [np.linalg.norm(pattern - mean) for pattern in patterns]
    error = np.std(entropies, ddof=1) / math.sqrt(len(patterns))
    return np.mean(entropies), error, np.mean(far) / np.linalg.norm(mean)


@pytest.mark.parametrize("kind", KINDS)
def test_attention_is_what_loops_over_heads_samples_and_queries_say(kind):
    model, tokens = model_of(kind), tokens_of(kind)
    found = measure_structure(model, tokens)
    with torch.no_grad():
        patterns = attention_patterns(model, tokens).double().numpy()
    expected = np.array([looped_attention(head) for head in patterns]).T
    np.testing.assert_allclose(found.attention_entropy, expected[0], rtol=1e-4)
    np.testing.assert_allclose(found.attention_entropy_error, expected[1], rtol=1e-3)
    np.testing.assert_allclose(found.attention_variability, expected[2], rtol=1e-4)
    assert found.heads[:2] == ("L0H0", "L0H1")
    assert len(found.heads) == len(patterns)


def test_many_samples_are_taken_in_parts():
    model, tokens = regression_model(), tokens_of("icl_regression", samples=70)
    found = measure_structure(model, tokens)
    with torch.no_grad():
        patterns = attention_patterns(model, tokens).double().numpy()
    entropy, error, variability = looped_attention(patterns[3])
    assert found.attention_entropy[3] == pytest.approx(entropy, rel=1e-4)
    assert found.attention_entropy_error[3] == pytest.approx(error, rel=1e-3)
    assert found.attention_variability[3] == pytest.approx(variability, rel=1e-4)


def test_heads_without_queries_attend_to_all_alike():
    model = regression_model()
    for block in model.module.blocks:
        block.attention.query.weight.zero_()
    found = measure_structure(model, tokens_of("icl_regression"))
    uniform = np.mean([math.log(keys) for keys in range(2, 17)])
    np.testing.assert_allclose(found.attention_entropy, uniform, rtol=1e-5)
    np.testing.assert_allclose(found.attention_entropy_error, 0, atol=1e-6)
    np.testing.assert_allclose(found.attention_variability, 0, atol=1e-6)


def test_an_induction_circuit_attends_to_one_token_and_composes_by_keys():
    prompts = repetitions(4, period=8, generator=seeded())
    found = measure_structure(induction_model(), prompts)
    np.testing.assert_allclose(found.attention_entropy, 0, atol=1e-4)
    assert found.attention_variability[0] == pytest.approx(0, abs=1e-5)
    assert found.k_composition[0, 1] == pytest.approx(30**-0.5)
    assert found.k_composition[0, 1] > 2 * found.composition_chance[1]
    assert found.q_composition[0, 1] == found.v_composition[0, 1] == 0
    assert found.norms == ()
    assert found.norm_size.shape == (0,)


def test_where_an_induction_head_looks_depends_on_the_sample():
    generator = seeded()
    prompts = [repetitions(1, period=p, generator=generator)[0, :9] for p in (4, 8)]
    found = measure_structure(induction_model(), torch.stack(prompts))
    # Of 9 rows, the last 4 differ: one sample looks at the successors, the other at the first.
    # The mean pattern has 5 ones and 8 halves, from which each sample is 8 halves away.
    assert found.attention_variability.tolist() == pytest.approx([0, (2 / 7) ** 0.5], abs=1e-4)


def test_identical_samples_do_not_vary():
    tokens = tokens_of("gpt2")[:1].expand(3, -1)
    found = measure_structure(language_model("gpt2"), tokens)
    np.testing.assert_allclose(found.attention_variability, 0, atol=1e-6)
    np.testing.assert_allclose(found.attention_entropy_error, 0, atol=1e-6)


def test_a_single_sample_has_no_error():
    found = measure_structure(language_model("gpt2"), tokens_of("gpt2", samples=1))
    assert np.isnan(found.attention_entropy_error).all()
    assert np.isfinite(found.attention_entropy).all()


def test_composition_is_that_of_the_models_heads():
    model = language_model("llama")
    found, expected = measure_structure(model, tokens_of("llama")), compose(head_weights(model))
    np.testing.assert_array_equal(found.q_composition, expected.query)
    np.testing.assert_array_equal(found.k_composition, expected.key)
    np.testing.assert_array_equal(found.v_composition, expected.value)
    np.testing.assert_allclose(found.composition_chance, [32**-0.5] * 3)


class Mixing(RegressionAttention):
    """Every head reads a little of its neighbour."""

    def _by_head(self, x):
        heads = super()._by_head(x)
        return heads + 0.1 * heads.roll(1, dims=1)


def test_heads_that_cannot_be_told_apart_leave_a_gap_in_composition_alone():
    module = RegressionTransformer(RegressionConfig())
    module.blocks[0].attention = Mixing(RegressionConfig())
    found = measure_structure(wrap_model(module), tokens_of("icl_regression"))
    for values in (found.q_composition, found.k_composition, found.v_composition):
        assert values.shape == (8, 8)
        assert np.isnan(values).all()
    assert np.isnan(found.composition_chance).all()
    assert np.isfinite(found.attention_entropy).all()
    assert np.isfinite(found.norm_size).all()


def test_attention_that_a_model_does_not_show_is_a_gap():
    """Falcon shows patterns that look ahead, with which it does not attend."""
    found = measure_structure(language_model("falcon"), tokens_of("falcon"))
    for values in (
        found.attention_entropy,
        found.attention_entropy_error,
        found.attention_variability,
    ):
        assert values.shape == (12,)
        assert np.isnan(values).all()
    assert np.isfinite(found.k_composition).sum() == 3 * 16


def test_norms_are_summed_up():
    model = regression_model()
    weight = torch.tensor([0.05, -0.05, 0.0, 3.0]).repeat(16)
    model.module.blocks[1].mlp_norm.weight.copy_(weight)
    found = measure_structure(model, tokens_of("icl_regression"))
    expected = ("L0.attention", "L0.mlp", "L1.attention", "L1.mlp", "final")
    assert found.norms == expected
    values = weight.double().numpy()
    assert found.norm_mean[3] == pytest.approx(0.75)
    assert found.norm_spread[3] == pytest.approx(np.std(values))
    assert found.norm_size[3] == pytest.approx(np.linalg.norm(values))
    assert found.norm_small.tolist() == [0, 0, 0, 0.75, 0]
    assert found.norm_size[0] == pytest.approx(8)
    assert found.norm_spread[0] == 0


def test_norms_without_weights_are_left_out():
    found = measure_structure(language_model("olmo"), tokens_of("olmo"))
    assert found.norms == ()
    assert np.isfinite(found.k_composition).sum() == 3 * 16


@pytest.mark.parametrize(
    ("kind", "paths"),
    [
        ("gpt_neox", {"EMB": "gpt_neox.embed_in", "UNEMBED": "lm_head"}),
        ("gpt2", {"EMB": "transformer.wte", "POS": "transformer.wpe"}),
        ("opt_post_norm", {"EMB": "model.decoder.embed_tokens"}),
        ("native", {"EMB": "tok_embed", "POS": "pos", "UNEMBED": "head"}),
        ("icl_regression", {"EMB": "embed", "POS": "positions", "UNEMBED": "readout"}),
    ],
)
def test_spectra_of_embeddings_are_those_of_a_whole_decomposition(kind, paths):
    model = model_of(kind)
    if kind == "opt_post_norm":
        paths = paths | {"POS": "model.decoder.embed_positions"}
    found = measure_structure(model, tokens_of(kind))
    assert found.embeddings == tuple(paths)
    ranks = []
    for row, path in zip(found.singular_values, paths.values(), strict=True):
        weight = model.module.get_submodule(path).weight.double().numpy()
        expected = np.linalg.svd(weight, compute_uv=False)
        ranks.append(len(expected))
        np.testing.assert_allclose(row[: ranks[-1]], expected, rtol=1e-5, atol=1e-6)
        assert np.isnan(row[ranks[-1] :]).all()
    assert found.singular_values.shape[1] == max(ranks)


@pytest.mark.parametrize("shape", [(9000, 7), (7, 9000), (30, 20), (20, 30), (5, 1)])
def test_singular_values_of_any_shape_descend_and_are_right(shape):
    matrix = torch.randn(shape, generator=seeded())
    found = singular_values(matrix)
    assert found.dtype == torch.float64
    assert (found.diff() <= 0).all()
    expected = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_a_collapsed_embedding_has_one_singular_value():
    column, row = (torch.randn(n, generator=seeded(n)) for n in (500, 8))
    found = singular_values(torch.outer(column, row))
    assert found[0].item() == pytest.approx((column.norm() * row.norm()).item(), rel=1e-5)
    assert found[1:].max() < 1e-6 * found[0]


def test_all_arrays_are_small_and_the_same_every_time():
    model, tokens = language_model("gpt2"), tokens_of("gpt2")
    first, second = measure_structure(model, tokens), measure_structure(model, tokens)
    for field in dataclasses.fields(first):
        value = getattr(first, field.name)
        if isinstance(value, np.ndarray):
            assert value.dtype == np.float32
            assert value.tobytes() == getattr(second, field.name).tobytes()


@pytest.mark.parametrize("shape", [(0, 9), (4, 1)])
def test_nothing_to_attend_to_is_refused(shape):
    with pytest.raises(MeasurementError, match="give more samples or a larger length"):
        measure_structure(language_model("gpt2"), torch.zeros(shape, dtype=torch.long))

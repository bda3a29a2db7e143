from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from compute.models import DEVELOPMENTS, describe_run, open_model
from compute.models.developments.attention_only import RECIPE as ATTENTION_ONLY
from compute.models.developments.attention_only import AttentionOnly, fused_logits
from compute.models.developments.icl_regression import RECIPE as REGRESSION
from compute.models.developments.icl_regression import IclRegression
from compute.models.developments.library_text import (
    CONTEXT,
    VOCABULARY,
    train_tokenizer,
)
from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
    draw_sequences,
)
from compute.models.developments.stdlib_lm import RECIPE as STDLIB
from compute.models.developments.stdlib_lm import StdlibLm
from compute.models.developments.training import STATE_FILE, log_then_linear, train


def weights(folder, step):
    return load_file(folder / f"step{step}" / "model.safetensors")


def same(a, b):
    return all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_resumed_in_the_middle_ends_with_the_same_weights(tmp_path):
    train(IclRegression(), tmp_path / "whole", until=6)
    train(IclRegression(), tmp_path / "parts", until=3)
    train(IclRegression(), tmp_path / "parts", until=6)
    assert same(weights(tmp_path / "whole", 6), weights(tmp_path / "parts", 6))
    assert not same(weights(tmp_path / "whole", 5), weights(tmp_path / "whole", 6))


def test_training_that_is_done_is_not_done_again(tmp_path):
    train(IclRegression(), tmp_path, until=2)
    before = (tmp_path / STATE_FILE).stat().st_mtime_ns
    calls = []
    train(IclRegression(), tmp_path, until=2, on_step=lambda *step: calls.append(step))
    assert calls == [(2, 2)]
    assert (tmp_path / STATE_FILE).stat().st_mtime_ns == before


def test_step_zero_is_the_model_before_any_update(tmp_path):
    train(IclRegression(), tmp_path, until=1)
    initial = IclRegression().build_model().state_dict()
    assert same(weights(tmp_path, 0), initial)


def test_checkpoints_are_log_then_linearly_spaced():
    steps = log_then_linear(log_until=100, log_count=10, every=50, last=300)
    assert steps[:4] == (0, 1, 2, 3)
    assert steps[-5:] == (100, 150, 200, 250, 300)


def test_the_shipped_recipes_have_the_promised_checkpoints():
    assert len(STDLIB.checkpoint_steps) >= 100
    assert STDLIB.checkpoint_steps[-1] >= 6000
    assert sum(s <= REGRESSION.train_steps for s in REGRESSION.checkpoint_steps) >= 120
    assert REGRESSION.train_steps >= 100_000
    assert sum(s <= ATTENTION_ONLY.train_steps for s in ATTENTION_ONLY.checkpoint_steps) >= 80


@pytest.mark.parametrize("name", DEVELOPMENTS)
def test_a_development_is_called_what_its_recipe_says(name):
    recipe = DEVELOPMENTS[name]().recipe
    assert recipe.name == name
    assert name.startswith(recipe.group)


def test_runs_of_one_recipe_differ_in_their_seed_only():
    first, second = (DEVELOPMENTS[f"icl_regression{n}"]().recipe for n in ("", "_seed2"))
    one, two = first.to_json(), second.to_json()
    assert {k for k in one if one[k] != two[k]} == {"name", "seed"}


def small_library(folder):
    """A little text in the place of the whole standard library."""
    (folder / "corpus").mkdir(parents=True)
    words = "def f(x):\n    return x + 1\n"
    train_tokenizer(iter([words])).save(str(folder / "tokenizer.json"))
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, 2_000, dtype=np.uint16)
    for split in ("train", "heldout"):
        np.save(folder / "corpus" / f"{split}.npy", tokens)
    (folder / "corpus" / "corpus.json").write_text("{}")
    return folder


def test_attention_only_trains_and_is_opened_as_a_run_with_its_recipe(tmp_path):
    folder = small_library(tmp_path / "attention_only")
    train(AttentionOnly(), folder, until=1)
    run = describe_run(str(folder))
    assert (run.recipe, run.seed) == ("attention_only", 0)
    assert run.tokens_per_step == 32 * CONTEXT
    model = open_model(folder / "step1")
    assert [c.name for c in model.components if c.kind == "head"] == [
        f"L{layer}H{head}" for layer in range(2) for head in range(8)
    ]
    assert json.loads((folder / "recipe.json").read_text())["group"] == "attention_only"


def test_fused_attention_gives_what_the_model_gives(tmp_path):
    development = AttentionOnly()
    model = development.build_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    tokens = torch.randint(VOCABULARY, (3, 20), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(fused_logits(model, tokens), model(tokens), rtol=1e-4, atol=1e-4)


def test_the_regression_transformer_has_the_papers_parameter_count():
    model = RegressionTransformer(RegressionConfig())
    assert sum(p.numel() for p in model.parameters()) == 51_717


def test_the_regression_transformer_is_causal():
    torch.manual_seed(0)
    model = RegressionTransformer(RegressionConfig()).eval()
    tokens = draw_sequences(RegressionConfig(), 2, generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 9:] += 1
    torch.testing.assert_close(model(tokens)[:, :9], model(changed)[:, :9])
    assert not torch.allclose(model(tokens)[:, 9:], model(changed)[:, 9:])


def test_sequences_have_the_papers_moments():
    config = RegressionConfig()
    tokens = draw_sequences(config, 20_000, generator=torch.Generator().manual_seed(0))
    xs, ys = tokens[:, 0::2, 1:], tokens[:, 1::2, 0]
    assert tokens[:, 0::2, 0].abs().max() == 0
    assert tokens[:, 1::2, 1:].abs().max() == 0
    torch.testing.assert_close(xs.var(), torch.tensor(1.0), rtol=0.02, atol=0)
    torch.testing.assert_close(ys.var(), torch.tensor(4.125), rtol=0.03, atol=0)


def test_the_learning_rates_follow_their_schedules():
    regression, language = IclRegression(), StdlibLm()
    assert regression.learning_rate(249_999) == REGRESSION.peak_learning_rate
    assert regression.learning_rate(499_999) == 0
    rates = [language.learning_rate(s) for s in (0, 99, 5999)]
    assert rates[1] == STDLIB.peak_learning_rate
    assert rates[0] == STDLIB.peak_learning_rate / 100
    assert abs(rates[2] - 0.1 * STDLIB.peak_learning_rate) < 1e-6


def test_the_language_model_trains_on_the_library_and_keeps_its_tokenizer(tmp_path):
    train(StdlibLm(), tmp_path, until=1)
    for step in (0, 1):
        assert {"config.json", "model.safetensors", "tokenizer.json"} <= {
            f.name for f in (tmp_path / f"step{step}").iterdir()
        }
    assert not same(weights(tmp_path, 0), weights(tmp_path, 1))

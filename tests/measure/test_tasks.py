from __future__ import annotations

import numpy as np
import pytest
import torch

from compute.errors import MeasurementError
from compute.measure.tasks import Texts, draw_batch, draw_windows
from compute.specs import TaskSpec
from tests.small_models import language_model, regression_model

TEXT = np.arange(1000) % 40
TEXTS = Texts(train=lambda: TEXT % 3, heldout=lambda: TEXT, passage=lambda: TEXT[:20])


@pytest.mark.parametrize("name", ["uniform", "unigram", "text"])
def test_the_second_half_repeats_the_first_behind_one_bos(name):
    model = language_model("gpt_neox")
    batch = draw_batch(TaskSpec(name=name, prompts=3, length=10), model, TEXTS)
    assert batch.tokens.shape == (3, 21)
    assert (batch.tokens[:, 0] == model.module.config.bos_token_id).all()
    assert torch.equal(batch.tokens[:, 1:11], batch.tokens[:, 11:])
    assert batch.first_scored == 11


def test_unigram_prompts_use_only_tokens_of_the_text():
    spec = TaskSpec(name="unigram", prompts=8, length=20)
    tokens = draw_batch(spec, language_model("gpt2"), TEXTS).tokens[:, 1:]
    assert set(tokens.unique().tolist()) == {0, 1, 2}


def test_the_passage_is_scored_on_its_last_token():
    batch = draw_batch(TaskSpec(name="passage"), language_model("llama"), TEXTS)
    assert batch.tokens.shape == (1, 21)
    assert batch.first_scored == 20


def test_prompts_are_the_same_for_every_checkpoint_and_change_with_the_seed():
    spec = TaskSpec(name="uniform", prompts=2, length=8)
    first = draw_batch(spec, language_model("gpt2", seed=0), TEXTS).tokens
    later = draw_batch(spec, language_model("gpt2", seed=1), TEXTS).tokens
    other = draw_batch(
        TaskSpec(name="uniform", prompts=2, length=8, seed=1), language_model("gpt2"), TEXTS
    ).tokens
    assert torch.equal(first, later)
    assert not torch.equal(first, other)


def test_prompts_beyond_the_context_are_refused():
    with pytest.raises(MeasurementError, match="context of 64"):
        draw_batch(TaskSpec(name="uniform", length=40), language_model("gpt2"), TEXTS)


def test_a_task_of_the_other_family_is_refused():
    with pytest.raises(MeasurementError, match="does not fit"):
        draw_batch(TaskSpec(name="text"), regression_model(), TEXTS)
    with pytest.raises(MeasurementError, match="does not fit"):
        draw_batch(TaskSpec(name="regression"), language_model("gpt2"), TEXTS)


def test_a_text_shorter_than_one_window_is_refused():
    with pytest.raises(MeasurementError, match="too few"):
        draw_windows(TEXT[:5], samples=1, length=10, generator=torch.Generator())

"""Suffix replay against the author's loop, at Pythia-14M's shape: ratios measured in one run."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from compute.measure.ablation import ablation_graph
from compute.models.loading import wrap_model
from compute.specs import AblationSpec
from tests.small_models import looped_graph

pytestmark = pytest.mark.bench
REPEATS = 5


def pythia_14m_shape():
    config = GPTNeoXConfig(
        vocab_size=50_304,
        hidden_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=0,
    )
    torch.manual_seed(0)
    return wrap_model(GPTNeoXForCausalLM(config).eval())


def seconds(function) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def test_suffix_replay_against_the_authors_loop(capsys):
    model = pythia_14m_shape()
    tokens = torch.randint(50_304, (1, 300), generator=torch.Generator().manual_seed(0))
    same_outputs = AblationSpec(loss_change=False)
    difference = np.nanmax(
        abs(ablation_graph(model, tokens, same_outputs).weight - looped_graph(model, tokens))
    )
    rows = [
        (
            seconds(lambda: ablation_graph(model, tokens, same_outputs)),
            seconds(lambda: ablation_graph(model, tokens)),
            seconds(lambda: looped_graph(model, tokens)),
        )
        for _ in range(REPEATS)
    ]
    replay, with_loss, loop = (statistics.median(column) for column in zip(*rows, strict=True))
    ratios = [r[2] / r[0] for r in rows]
    with capsys.disabled():
        print(f"\nPythia-14M's shape, one prompt of 300 tokens, {torch.get_num_threads()} threads")
        print(f"  author's loop           {loop:8.3f} s")
        print(
            f"  suffix replay           {replay:8.3f} s   {loop / replay:5.1f} times faster", end=""
        )
        print(f"   (spread {min(ratios):.1f} to {max(ratios):.1f})")
        print(
            f"  .. and every loss change{with_loss:8.3f} s   {loop / with_loss:5.1f} times faster"
        )
        print(f"  largest difference      {difference:.1e}")
    assert difference < 1e-5

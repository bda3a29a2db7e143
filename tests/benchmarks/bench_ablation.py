"""Suffix replay against the author's loop and a hand-written replay: ratios measured in one run."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig, AutoModelForCausalLM

from compute.measure.ablation import ablation_graph
from compute.measure.hook_graph import hook_graph
from compute.models.loading import wrap_model
from compute.specs import AblationSpec
from tests.benchmarks.handwritten import handwritten_graph
from tests.small_models import LoopedPasses

pytestmark = pytest.mark.bench
REPEATS = 5
REPEATS_OF_LARGE = 3
POSITIONS = 300
SAME_OUTPUTS = AblationSpec(loss_change=False)
_NEOX = {"vocab_size": 50_304, "max_position_embeddings": 2048, "num_hidden_layers": 6}
SHAPES = {
    "Pythia-14M": (
        "gpt_neox",
        _NEOX | {"hidden_size": 128, "num_attention_heads": 4, "intermediate_size": 512},
    ),
    "Pythia-70M": (
        "gpt_neox",
        _NEOX | {"hidden_size": 512, "num_attention_heads": 8, "intermediate_size": 2048},
    ),
    "GPT-2-small": ("gpt2", {}),
}
# Whole passes cost the same whatever they ablate, so the loop is timed on this many, in turn.
LOOPED = 6
_PRODUCTS = ("aten::addmm", "aten::mm", "aten::bmm", "scaled_dot_product")


def model_of(shape: str):
    kind, settings = SHAPES[shape]
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, bos_token_id=0, eos_token_id=0, **settings)
    return wrap_model(AutoModelForCausalLM.from_config(config, attn_implementation="sdpa"))


def tokens_of(prompts: int = 1):
    return torch.randint(50_000, (prompts, POSITIONS), generator=torch.Generator().manual_seed(0))


def seconds(function) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def say(capsys, *lines: str) -> None:
    with capsys.disabled():
        print("", *lines, sep="\n")


def ratio_text(numerator: list[float], denominator: list[float]) -> str:
    ratios = [a / b for a, b in zip(numerator, denominator, strict=True)]
    return f"{statistics.median(ratios):6.1f}   (spread {min(ratios):.1f} to {max(ratios):.1f})"


@pytest.mark.parametrize("shape", SHAPES)
def test_suffix_replay_against_the_authors_loop(shape, capsys):
    model, tokens = model_of(shape), tokens_of()
    loop = LoopedPasses(model, tokens)
    sources = [c for c in model.components if c.kind != "logits"]
    some = sources[:: max(1, len(sources) // LOOPED)]
    graph = ablation_graph(model, tokens, SAME_OUTPUTS)
    difference = max(np.nanmax(abs(graph.weight[i] - row)) for i, row in map(loop.row, some))
    replay, kept, author = [], [], []
    for i in range(REPEATS if shape == "Pythia-14M" else REPEATS_OF_LARGE):
        replay.append(seconds(lambda: ablation_graph(model, tokens, SAME_OUTPUTS)))
        source = some[i % len(some)]
        one, clean = seconds(lambda source=source: loop.row(source)), seconds(loop.clean)
        kept.append(one * len(sources) + clean)
        author.append((one + clean) * len(sources))
    say(
        capsys,
        f"{shape}'s shape, one prompt of {POSITIONS} tokens, {torch.get_num_threads()} threads, "
        f"{len(sources)} ablations",
        f"  suffix replay                       {statistics.median(replay):8.3f} s",
        f"  author's loop (a clean pass for every ablation) / replay  {ratio_text(author, replay)}",
        f"  the loop with one clean pass / replay                     {ratio_text(kept, replay)}",
        f"  largest difference                  {difference:.1e}",
    )
    assert difference < 1e-5


def test_the_authors_own_nodes(capsys):
    """187 sources: the author makes two passes for each; nodes that share an effect share ours."""
    model, tokens = model_of("Pythia-14M"), tokens_of()
    spec, loop = AblationSpec(granularity="hooks", loss_change=False), LoopedPasses(model, tokens)
    source = model.components[1]
    hooks, author = [], []
    for _ in range(REPEATS):
        hooks.append(seconds(lambda: hook_graph(model, tokens, spec)))
        author.append(187 * (seconds(lambda: loop.row(source)) + seconds(loop.clean)))
    say(
        capsys,
        f"Pythia-14M's shape, the author's 187 nodes: {statistics.median(hooks):.3f} s",
        f"  187 x (clean pass + pass, components compared only) / ours {ratio_text(author, hooks)}",
    )


def test_suffix_replay_against_a_handwritten_one(capsys):
    model, tokens = model_of("Pythia-14M"), tokens_of()
    ours = ablation_graph(model, tokens, SAME_OUTPUTS)
    with torch.inference_mode():
        theirs = handwritten_graph(model.module, tokens)
    difference = np.nanmax(abs(ours.weight - theirs))
    rows = []
    for _ in range(2 * REPEATS):
        ours_s = seconds(lambda: ablation_graph(model, tokens, SAME_OUTPUTS))
        with torch.inference_mode():
            rows.append((ours_s, seconds(lambda: handwritten_graph(model.module, tokens))))
    mine, hand = map(list, zip(*rows, strict=True))
    say(
        capsys,
        f"hand-written replay of GPT-NeoX: {statistics.median(hand):.3f} s",
        f"  ours / hand-written {ratio_text(mine, hand)}   largest difference {difference:.1e}",
    )
    assert difference < 1e-5


@pytest.mark.parametrize("shape", SHAPES)
def test_share_of_matrix_products_and_attention(shape, capsys):
    model, tokens = model_of(shape), tokens_of()
    ablation_graph(model, tokens, SAME_OUTPUTS)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        ablation_graph(model, tokens, SAME_OUTPUTS)
    events = seen.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    products = sum(
        event.self_cpu_time_total
        for event in events
        if any(name in event.key for name in _PRODUCTS)
    )
    say(capsys, f"{shape}: {products / total:.0%} of the time in matrix products and attention")


def test_the_loss_of_every_ablation(capsys):
    """The change of the loss costs one pass over the vocabulary for every component."""
    model, tokens = model_of("Pythia-14M"), tokens_of()
    rows = [
        (
            seconds(lambda: ablation_graph(model, tokens)),
            seconds(lambda: ablation_graph(model, tokens, SAME_OUTPUTS)),
            seconds(lambda: F.linear(torch.randn(30 * POSITIONS, 128), torch.randn(50_304, 128))),
        )
        for _ in range(3)
    ]
    losses, without, product = (statistics.median(column) for column in zip(*rows, strict=True))
    say(
        capsys,
        f"Pythia-14M with all loss changes {losses:.3f} s, without {without:.3f} s; the product "
        f"with the unembedding alone, held whole, {product:.3f} s",
    )

"""Each supported architecture against the loop over whole passes, and the guide's table of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from compute.errors import MeasurementError
from compute.measure.ablation import ablation_graph
from compute.models.attention import AttentionRecorder
from compute.models.loading import open_model
from compute.models.native import save_native
from tests.small_models import (
    LANGUAGE,
    NATIVE,
    TITLES,
    VOCABULARY,
    language_model,
    looped_graph,
    native_model,
    regression_model,
    save_language_model,
)

GUIDE = Path(__file__).parents[2] / "dashboard" / "guide.md"
TOKENS = torch.randint(1, VOCABULARY, (3, 12), generator=torch.Generator().manual_seed(0))
LEFT = torch.ones(3, 12, dtype=torch.bool)
LEFT[0, :4] = LEFT[2, :1] = False
PADDINGS = {"none": None, "left": LEFT, "right": LEFT.flip(1)}


def model_of(kind):
    return native_model(kind) if kind in NATIVE else language_model(kind)


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("kind", LANGUAGE)
def test_suffix_replay_equals_the_loop_over_whole_passes(kind, padding):
    model, mask = language_model(kind), PADDINGS[padding]
    tokens = TOKENS if mask is None else TOKENS.masked_fill(~mask, 0)
    graph = ablation_graph(model, tokens, mask=mask)
    expected = looped_graph(model, tokens, mask)
    assert np.array_equal(np.isnan(graph.weight), np.isnan(expected))
    np.testing.assert_allclose(graph.weight, expected, atol=1e-5)
    assert np.nanmax(expected) > 0.1


@pytest.mark.parametrize("padding", ["left", "right"])
@pytest.mark.parametrize("kind", LANGUAGE)
def test_padded_prompts_give_what_they_give_alone(kind, padding):
    model, mask = language_model(kind), PADDINGS[padding]
    graph = ablation_graph(model, TOKENS.masked_fill(~mask, 0), mask=mask)
    alone = [ablation_graph(model, TOKENS[i : i + 1, mask[i]]) for i in range(3)]
    np.testing.assert_allclose(graph.weight, np.mean([g.weight for g in alone], 0), atol=1e-5)
    for name in ("loss", "loss_change", "logit_change"):
        expected = np.mean([getattr(g, name) for g in alone], 0)
        np.testing.assert_allclose(getattr(graph, name), expected, atol=1e-4)


@pytest.mark.parametrize("kind", NATIVE)
def test_native_models_equal_the_loop_too(kind):
    model = native_model(kind)
    np.testing.assert_allclose(
        ablation_graph(model, TOKENS).weight, looped_graph(model, TOKENS), atol=1e-5
    )


@pytest.mark.parametrize("kind", LANGUAGE)
def test_a_saved_checkpoint_gives_the_graph_of_the_model_in_memory(kind, tmp_path):
    opened = open_model(save_language_model(kind, tmp_path))
    np.testing.assert_allclose(
        ablation_graph(opened, TOKENS).weight,
        ablation_graph(language_model(kind), TOKENS).weight,
        atol=1e-5,
    )


@pytest.mark.parametrize("kind", NATIVE)
def test_a_saved_native_checkpoint_gives_the_same_graph(kind, tmp_path):
    model = native_model(kind)
    save_native(model.module, tmp_path)
    np.testing.assert_array_equal(
        ablation_graph(open_model(tmp_path), TOKENS).weight, ablation_graph(model, TOKENS).weight
    )


@pytest.mark.parametrize("kind", [*LANGUAGE, *NATIVE, "icl_regression"])
def test_the_guide_has_the_line_of_each_architecture(kind):
    assert table_line(kind) in GUIDE.read_text(encoding="utf-8").split("\n")


def test_the_guide_has_no_other_lines():
    lines = GUIDE.read_text(encoding="utf-8").split("| architecture |")[1].split("\n\n")[0]
    assert len(lines.split("\n")) == 2 + len({*TITLES.values()})


def table_line(kind: str) -> str:
    """What the guide says of an architecture, read off a model of it."""
    model = regression_model() if kind == "icl_regression" else model_of(kind)
    block = model.anatomy.blocks[0]
    if block.mlp is None:
        residual = "attention only"
    else:
        residual = "parallel" if block.parallel else "sequential"
    if not block.additive:
        residual += ", norms or scales after"
    try:
        AttentionRecorder(model.module, model.anatomy)
        hooks = "yes"
    except MeasurementError:
        hooks = "no"
    return f"| {TITLES[kind]} | {residual} | {hooks} |"

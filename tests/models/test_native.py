from __future__ import annotations

import json

import pytest
import torch
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge.sources.native import boot

from compute.errors import CheckpointUnreadable
from compute.measure.behaviour import attention_patterns
from compute.measure.model_loss import functional_loss
from compute.models.loading import open_model
from compute.models.native import save_native
from tests.small_models import native_model

TOKENS = torch.arange(1, 9)[None]


def a_bridge(**settings):
    config = {"d_model": 16, "d_head": 4, "n_heads": 4, "n_layers": 2, "n_ctx": 16, "d_vocab": 20}
    return boot(TransformerBridgeConfig(**config, act_fn="relu", seed=0, **settings))


def test_a_bridge_is_saved_and_opened_as_the_same_model(tmp_path):
    bridge = a_bridge(attn_only=True)
    save_native(bridge, tmp_path)
    model = open_model(tmp_path)
    torch.testing.assert_close(model.module(TOKENS), bridge(TOKENS))
    assert [c.name for c in model.components][:3] == ["EMB", "L0H0", "L0H1"]
    assert not any(c.kind == "mlp" for c in model.components)


def test_folded_weights_are_not_saved(tmp_path):
    bridge = a_bridge()
    with torch.no_grad():
        bridge.original_model.ln_out.bias.add_(1)
    bridge.enable_compatibility_mode()
    with pytest.raises(ValueError, match="before compatibility mode"):
        save_native(bridge, tmp_path)


@pytest.mark.parametrize(
    ("field", "value"), [("positional_embedding_type", "shortformer"), ("n_heads", None)]
)
def test_a_configuration_that_cannot_be_built_is_refused(tmp_path, field, value):
    save_native(a_bridge(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, field: value}))
    with pytest.raises(CheckpointUnreadable, match="cannot"):
        open_model(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path):
    save_native(a_bridge(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "d_vocab": 21}))
    with pytest.raises(CheckpointUnreadable, match="cannot be read"):
        open_model(tmp_path)


def test_losses_and_patterns_of_native_models():
    model = native_model("native")
    loss, params = functional_loss(model.module, "language")
    logits = model.module(TOKENS)
    expected = torch.nn.functional.cross_entropy(logits[0, :-1], TOKENS[0, 1:])
    torch.testing.assert_close(loss(params, TOKENS), expected)
    patterns = attention_patterns(model, TOKENS)
    assert patterns.shape == (12, 1, 8, 8)
    torch.testing.assert_close(patterns.sum(-1), torch.ones(12, 1, 8))

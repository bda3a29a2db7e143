"""The functional losses are the models' own losses, plain or vmapped."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
)

from compute.errors import MeasurementError
from compute.measure.model_loss import functional_loss
from compute.models.developments.regression_transformer import (
    RegressionConfig,
    RegressionTransformer,
    draw_sequences,
    squared_error,
)

CHAINS, BATCH, LENGTH, VOCABULARY = 3, 2, 9, 50


def gpt_neox() -> PreTrainedModel:
    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=LENGTH,
            tie_word_embeddings=False,
        )
    )


def gpt2() -> PreTrainedModel:
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=VOCABULARY,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=LENGTH,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def llama() -> PreTrainedModel:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=64,
            max_position_embeddings=LENGTH,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


LANGUAGE_MODELS = pytest.mark.parametrize("build", [gpt_neox, gpt2, llama])


def language_model(build: object) -> PreTrainedModel:
    torch.manual_seed(0)
    model = build()  # type: ignore[operator]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model.eval()


def chains_of(params: dict[str, Tensor]) -> dict[str, Tensor]:
    """Stack the parameters with two perturbed copies of themselves."""
    return {k: torch.stack([v, v + 0.05 * torch.randn_like(v), 0.9 * v]) for k, v in params.items()}


@LANGUAGE_MODELS
def test_vmapped_losses_are_the_models_own_losses(build: object) -> None:
    model = language_model(build)
    loss, params = functional_loss(model, "language")
    tokens = torch.randint(VOCABULARY, (CHAINS, BATCH, LENGTH))
    stacked = chains_of(params)
    with torch.no_grad():
        vmapped = vmap(loss)(stacked, tokens)
        for chain in range(CHAINS):
            position = {name: value[chain] for name, value in stacked.items()}
            model.load_state_dict(position, strict=False)
            model.tie_weights()
            own = model(tokens[chain], labels=tokens[chain]).loss
            assert vmapped[chain].item() == pytest.approx(own.item(), abs=1e-5)


@LANGUAGE_MODELS
def test_vmapped_gradients_are_the_models_own_gradients(build: object) -> None:
    model = language_model(build)
    loss, params = functional_loss(model, "language")
    tokens = torch.randint(VOCABULARY, (CHAINS, BATCH, LENGTH))
    gradients = vmap(grad(loss), in_dims=(None, 0))(params, tokens)
    model(tokens[1], labels=tokens[1]).loss.backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(gradients[name][1], parameter.grad, atol=1e-5, rtol=1e-4)


@LANGUAGE_MODELS
def test_the_baseline_shares_parameters_between_batches(build: object) -> None:
    loss, params = functional_loss(language_model(build), "language")
    tokens = torch.randint(VOCABULARY, (CHAINS, BATCH, LENGTH))
    vmapped = vmap(loss, in_dims=(None, 0))(params, tokens)
    plain = torch.stack([loss(params, batch) for batch in tokens])
    torch.testing.assert_close(vmapped, plain, atol=1e-5, rtol=0)


def test_the_model_is_left_as_it_was() -> None:
    model = language_model(gpt_neox).train()
    implementation = model.config._attn_implementation
    loss, params = functional_loss(model, "language")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    loss({k: 2 * v for k, v in params.items()}, torch.zeros(1, LENGTH, dtype=torch.long))
    assert model.training
    assert model.config._attn_implementation == implementation
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_dropout_is_off() -> None:
    model = language_model(gpt2).train()
    loss, params = functional_loss(model, "language")
    tokens = torch.randint(VOCABULARY, (BATCH, LENGTH))
    assert loss(params, tokens).item() == loss(params, tokens).item()


def test_tied_weights_appear_once_and_move_together() -> None:
    model = language_model(gpt2)
    assert model.lm_head.weight is model.transformer.wte.weight
    loss, params = functional_loss(model, "language")
    assert "lm_head.weight" not in params
    assert sum(value.numel() for value in params.values()) == model.num_parameters()
    tokens = torch.randint(VOCABULARY, (BATCH, LENGTH))
    moved = loss(params | {"transformer.wte.weight": torch.zeros(VOCABULARY, 32)}, tokens)
    # With the unembedding at zero, too, every token is equally likely.
    assert moved.item() == pytest.approx(torch.tensor(VOCABULARY).log().item(), abs=1e-6)


def test_regression_losses_are_the_mean_squared_error() -> None:
    torch.manual_seed(0)
    model = RegressionTransformer(RegressionConfig(layers=1, width=16, mlp_width=16))
    loss, params = functional_loss(model, "regression")
    tokens = draw_sequences(model.config, CHAINS * BATCH, generator=torch.Generator())
    tokens = tokens.unflatten(0, (CHAINS, BATCH))
    stacked = chains_of(params)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        vmapped = vmap(loss)(stacked, tokens)
        for chain in range(CHAINS):
            model.load_state_dict({name: value[chain] for name, value in stacked.items()})
            own = squared_error(model, tokens[chain]).mean()
            assert vmapped[chain].item() == pytest.approx(own.item(), abs=1e-5)


@pytest.mark.parametrize("family", ["language", "regression"])
def test_a_module_of_another_family_is_refused(family: str) -> None:
    with pytest.raises(MeasurementError, match="Linear is no"):
        functional_loss(nn.Linear(2, 2), family)  # type: ignore[arg-type]

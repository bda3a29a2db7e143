"""Chains as a tensor axis against one chain at a time, at stdlib_lm's shape."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

from compute.measure.llc import estimate_llc
from compute.measure.model_loss import functional_loss
from compute.specs import LANGUAGE_LLC, LLCSpec

pytestmark = pytest.mark.bench
REPEATS = 8
SPEC = LANGUAGE_LLC.llc


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute as a worker does: on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stdlib_lm_shape() -> GPTNeoXForCausalLM:
    config = GPTNeoXConfig(
        vocab_size=512,
        hidden_size=128,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=512,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=0,
        tie_word_embeddings=False,
    )
    torch.manual_seed(0)
    return GPTNeoXForCausalLM(config).eval()


def draws_by_vmap(model: nn.Module, tokens: Tensor) -> Callable[[int], None]:
    """Return what makes this many draws of all chains, by the measurement itself."""
    loss, params = functional_loss(model, "language")

    def run(draws: int) -> None:
        spec = LLCSpec(
            step_size=SPEC.step_size,
            nbeta=SPEC.nbeta,
            gamma=SPEC.gamma,
            chains=SPEC.chains,
            batch_size=SPEC.batch_size,
            burn_in=0,
            draws=draws,
        )
        estimate_llc(loss, params, tokens, spec, torch.Generator().manual_seed(0))

    return run


def draws_by_loop(model: nn.Module, tokens: Tensor) -> Callable[[int], None]:
    """Return the same in plain PyTorch: chain by chain, tensor by tensor, fused attention."""
    center = {name: value.detach() for name, value in model.named_parameters()}

    def loss(params: dict[str, Tensor], batch: Tensor) -> Tensor:
        logits = functional_call(model, params, (batch,), {"use_cache": False}).logits
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), batch[:, 1:].flatten())

    def run(draws: int) -> None:
        for _ in range(SPEC.chains):
            w = {name: value.clone().requires_grad_(True) for name, value in center.items()}
            for _ in range(draws):
                batch = tokens[torch.randperm(len(tokens))[: SPEC.batch_size]]
                gradients = torch.autograd.grad(loss(w, batch), list(w.values()))
                with torch.no_grad():
                    loss(center, batch)
                    for (name, value), gradient in zip(w.items(), gradients, strict=True):
                        drift = SPEC.nbeta * gradient + SPEC.gamma * (value - center[name])
                        value += torch.randn_like(value) * SPEC.step_size**0.5
                        value -= SPEC.step_size / 2 * drift

    return run


def milliseconds_a_chain_draw(run: Callable[[int], None]) -> float:
    """Return the cost of one more draw of one chain, without what an estimate costs once."""
    few, many = 2, 6
    started = time.perf_counter()
    run(few)
    between = time.perf_counter()
    run(many)
    ended = time.perf_counter()
    return 1000 * ((ended - between) - (between - started)) / (many - few) / SPEC.chains


@pytest.mark.usefixtures("one_thread")
def test_chains_as_a_tensor_axis_against_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    model = stdlib_lm_shape()
    tokens = torch.randint(512, (256, 128), generator=torch.Generator().manual_seed(0))
    vmapped, looped = draws_by_vmap(model, tokens), draws_by_loop(model, tokens)
    vmapped(2)
    looped(2)
    rows = [
        (milliseconds_a_chain_draw(vmapped), milliseconds_a_chain_draw(looped))
        for _ in range(REPEATS)
    ]
    ratios = [loop / vmap for vmap, loop in rows]
    with capsys.disabled():
        print(
            f"\nstdlib_lm's shape, {SPEC.chains} chains, {SPEC.batch_size} x 128 tokens, "
            "one thread; ms a chain and draw, its paired baseline included"
        )
        for name, column in zip(
            ("all chains at once", "one after the other"), zip(*rows, strict=True), strict=True
        ):
            print(
                f"  {name:20} {statistics.median(column):7.1f} ms   "
                f"(spread {min(column):.1f} to {max(column):.1f})"
            )
        print(
            f"  ratio                {statistics.median(ratios):7.2f}      "
            f"(spread {min(ratios):.2f} to {max(ratios):.2f})"
        )

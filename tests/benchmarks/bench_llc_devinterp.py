"""Our LLC against devinterp's on two cores: time a chain step, and time to the same error."""

from __future__ import annotations

import dataclasses
import functools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor
from transformers import GPTNeoXForCausalLM

from compute.engine import WORKER_ENVIRONMENT
from compute.llc_specs import LLCSpec
from compute.measure.diagnostics import draw_error
from compute.measure.llc import estimate_llc
from compute.measure.model_loss import functional_loss
from tests.measure.devinterp_peer import (
    estimate_by_devinterp,
    markov_text,
    small_transformer,
    train,
)

pytestmark = pytest.mark.bench
REPEATS = 3
CORES = 2
SPEC = LLCSpec(
    step_size=2e-4, nbeta=100.0, gamma=1000.0, chains=4, burn_in=30, draws=70, batch_size=32
)
TRIAL = dataclasses.replace(SPEC, chains=1, burn_in=0, draws=8)

Traces = Float[ndarray, "chains draws"]
Way = Callable[[LLCSpec, int], Traces]


class Run(NamedTuple):
    """Milliseconds a step of one chain, and the LLC's standard error."""

    step_ms: float
    error: float


@functools.cache
def trained() -> tuple[GPTNeoXForCausalLM, Tensor]:
    """Return the model of 46k parameters and its data; once a process."""
    tokens = markov_text(4096, 64)
    model = small_transformer()
    train(model, tokens, steps=60, batch_size=16)
    return model, tokens


def ours(spec: LLCSpec, seed: int) -> Traces:
    """Return what each draw says of the LLC: the paired difference of losses."""
    model, tokens = trained()
    loss, params = functional_loss(model, "language")
    got = estimate_llc(loss, params, tokens, spec, torch.Generator().manual_seed(seed))
    return got.loss_trace - got.baseline_trace


def by_devinterp(spec: LLCSpec, seed: int) -> Traces:
    """Return the same of devinterp: losses alone, as if it knew the centre's for nothing."""
    model, tokens = trained()
    return estimate_by_devinterp(model, tokens, spec, seed=seed, initial_batches=1).losses


def _prepare(threads: int) -> None:
    torch.set_num_threads(threads)
    trained()
    ours(TRIAL, 0)
    by_devinterp(TRIAL, 0)


class Workers:
    """Processes that share the chains of a run, as the engine's workers do."""

    def __init__(self, processes: int, threads: int) -> None:
        self._processes = processes
        self._pool = ProcessPoolExecutor(
            processes, multiprocessing.get_context("spawn"), _prepare, (threads,)
        )
        self.run(by_devinterp, TRIAL, 0)

    def run(self, way: Way, spec: LLCSpec, seed: int) -> Run:
        """Return the cost of all chains of a spec together."""
        share = dataclasses.replace(spec, chains=max(1, spec.chains // self._processes))
        started = time.perf_counter()
        parts = [
            self._pool.submit(way, share, 1000 * seed + 100 * process)
            for process in range(self._processes)
        ]
        draws = np.concatenate([part.result() for part in parts])
        seconds = time.perf_counter() - started
        steps = len(draws) * (spec.burn_in + spec.draws)
        return Run(1000 * seconds / steps, spec.nbeta * draw_error(draws.astype(np.float64)))

    def close(self) -> None:
        """Stop the processes."""
        self._pool.shutdown()


@pytest.fixture
def one_thread_each(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workers]:
    """Two processes of one thread, in the environment of the engine's workers."""
    for name, value in WORKER_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    workers = Workers(CORES, 1)
    yield workers
    workers.close()


@pytest.fixture
def one_process(
    monkeypatch: pytest.MonkeyPatch, one_thread_each: Workers
) -> Iterator[tuple[Workers, str]]:
    """One process for devinterp, which has no other: with one thread or two, as is faster."""
    tried = {threads: Workers(1, threads) for threads in (1, CORES)}
    cost = {
        threads: statistics.median(workers.run(by_devinterp, TRIAL, i).step_ms for i in range(3))
        for threads, workers in tried.items()
    }
    best = min(cost, key=cost.__getitem__)
    for threads, workers in tried.items():
        if threads != best:
            workers.close()
    said = ", ".join(f"{threads} thread(s) {ms:.0f} ms" for threads, ms in cost.items())
    yield tried[best], said
    tried[best].close()


def spread(values: list[float]) -> str:
    """Return the median and the extremes of some repeats."""
    return f"{statistics.median(values):7.2f}   (spread {min(values):.2f} to {max(values):.2f})"


def test_against_devinterp(
    one_thread_each: Workers,
    one_process: tuple[Workers, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    alone, tried = one_process
    ways = {
        "ours, two processes": (one_thread_each, ours),
        "devinterp": (alone, by_devinterp),
        "devinterp, split by hand": (one_thread_each, by_devinterp),
    }
    rows = [
        {name: workers.run(way, SPEC, seed) for name, (workers, way) in ways.items()}
        for seed in range(1, REPEATS + 1)
    ]
    with capsys.disabled():
        print(
            f"\n46k parameters, {SPEC.chains} chains x {SPEC.burn_in + SPEC.draws} steps, "
            f"{SPEC.batch_size} x 64 tokens, {CORES} cores (devinterp tried with {tried})"
        )
        for name in ways:
            print(f"  {name:25} ms a chain step  {spread([row[name].step_ms for row in rows])}")
            print(f"  {'':25} standard error   {spread([row[name].error for row in rows])}")
        for name in list(ways)[1:]:
            pairs = [(row[name], row["ours, two processes"]) for row in rows]
            faster = [them.step_ms / us.step_ms for them, us in pairs]
            sooner = [
                ratio * (them.error / us.error) ** 2
                for ratio, (them, us) in zip(faster, pairs, strict=True)
            ]
            print(f"  {name} / ours: a chain step    {spread(faster)}")
            print(f"  {name} / ours: the same error  {spread(sooner)}")

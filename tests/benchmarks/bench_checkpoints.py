"""A whole run end to end: 154 checkpoints of Pythia-14M's shape on a local disk."""

from __future__ import annotations

import shutil
import statistics
import threading
import time

import psutil
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from compute.engine import DaskEngine
from compute.models import describe_run, weights_digest
from compute.plan import Progress
from compute.service import compute_run
from compute.specs import AblationSpec, GraphMeasurement, TaskSpec
from compute.store import Store
from tests.benchmarks.bench_ablation import SHAPES

pytestmark = pytest.mark.bench
CHECKPOINTS = 154
TURNS = 2
SPEC = GraphMeasurement(
    task=TaskSpec(name="uniform", prompts=8, length=64), ablation=AblationSpec(loss_change=False)
)
MEGABYTE = 1e6


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of different weights at every step, as a training leaves it."""
    folder = tmp_path_factory.mktemp("runs") / "shape14m"
    kind, settings = SHAPES["Pythia-14M"]
    config = AutoConfig.for_model(kind, bos_token_id=0, eos_token_id=0, **settings)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    for step in range(CHECKPOINTS):
        with torch.no_grad():
            model.gpt_neox.layers[step % 6].mlp.dense_h_to_4h.bias.add_(0.01)
        model.save_pretrained(folder / f"step{step}")
    (folder / "text.txt").write_text("No text is asked for.")
    yield describe_run(str(folder), text=folder / "text.txt")
    shutil.rmtree(folder)


class PeakMemory:
    """Watches the resident memory of this process's descendants."""

    def __init__(self) -> None:
        self.peak: dict[int, int] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.2):
            for child in psutil.Process().children(recursive=True):
                try:
                    size = child.memory_info().rss
                except psutil.Error:
                    continue
                self.peak[child.pid] = max(size, self.peak.get(child.pid, 0))


def measured(run, folder, workers: int) -> tuple[float, float, int]:
    """Measure the whole run anew; return seconds, peak MB of a worker, and records made."""
    store = Store(folder)
    store.put_run(run)
    last: list[Progress] = []
    with PeakMemory() as memory, DaskEngine(workers) as engine:
        started = time.perf_counter()
        last.append(
            compute_run(store, run, [SPEC], engine, last.append, weights_digest=weights_digest)
        )
        seconds = time.perf_counter() - started
    heaviest = sorted(memory.peak.values())[-workers:]
    return seconds, max(heaviest) / MEGABYTE, last[-1].done


def test_two_workers_against_one(run, tmp_path, capsys):
    ratios = []
    for turn in range(TURNS):
        two = measured(run, tmp_path / f"two{turn}", 2)
        one = measured(run, tmp_path / f"one{turn}", 1)
        assert two[2] == one[2] == CHECKPOINTS
        ratios.append(two[0] / one[0])
        with capsys.disabled():
            print(f"\n  1 worker {one[0]:.1f} s, 2 workers {two[0]:.1f} s", end="")
            print(f"; peak memory of a worker {two[1]:.0f} MB")
    with capsys.disabled():
        print(
            f"{CHECKPOINTS} checkpoints of Pythia-14M's shape, components, 8 prompts of "
            f"{2 * SPEC.task.length + 1} tokens, start of the workers included"
        )
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"  2 workers / 1: {statistics.median(ratios):.2f}   (spread {spread})")

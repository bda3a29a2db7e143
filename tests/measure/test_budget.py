from __future__ import annotations

import pytest
import torch

from compute.errors import MeasurementError
from compute.measure.budget import Budget
from tests.small_models import language_model


def test_prompts_and_copies_stay_within_the_budget():
    budget = Budget(language_model("gpt2"), positions=10, tokens=100)
    assert budget.prompts(copies=5) == 2
    assert budget.prompts(copies=50) == 1
    ranges = list(budget.copies(50, prompts=1))
    assert max(len(part) for part in ranges) == 10
    assert [i for part in ranges for i in part] == list(range(50))


def test_it_halves_when_memory_runs_out_and_loses_no_prompt():
    budget = Budget(language_model("gpt2"), positions=10, tokens=80)
    sizes = []

    def call(part: slice) -> list[int]:
        sizes.append(part.stop - part.start)
        if part.stop - part.start > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ..")
        return list(range(20))[part]

    found = [prompt for part in budget.over_prompts(20, 1, call) for prompt in part]
    assert found == list(range(20))
    assert sizes[:3] == [8, 4, 2]


def test_a_prompt_that_cannot_fit_says_what_to_do():
    budget = Budget(language_model("gpt2"), positions=10, tokens=40)

    def call(part: slice) -> None:
        raise MemoryError

    with pytest.raises(MeasurementError, match="shorter task length or fewer workers"):
        list(budget.over_prompts(20, 1, call))


def test_other_errors_are_not_swallowed():
    budget = Budget(language_model("gpt2"), positions=10)
    with pytest.raises(RuntimeError, match="inconsistent tensor size"):
        list(budget.over_prompts(3, 1, lambda part: torch.zeros(2) @ torch.zeros(3)))

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from compute.jobs import Jobs
from compute.models import describe_run, weights_digest
from compute.plan import Plan
from compute.records import AttentionPatterns, to_bytes
from compute.runs import Run
from compute.specs import AttentionMeasurement, demanded_measurements
from compute.store import Store
from compute.worker import perform
from dashboard.arrays import array, decode
from dashboard.context import Context
from dashboard.factory import create_app, show_page
from dashboard.labels import measurement_label
from dashboard.library import Library
from dashboard.pages import component
from dashboard.payloads import Payloads
from tests.dashboard import synthetic
from tests.small_models import save_language_model

RUN = synthetic.language_run(checkpoints=8)
STEP = RUN.steps[3]
SPEC = AttentionMeasurement()


def patterns(seed: int = 0) -> AttentionPatterns:
    """Uneven causal attention of two heads on two prompts of four tokens."""
    scores = np.random.default_rng(seed).random((2, 2, 4, 4)) * np.tri(4)
    pattern = (scores / scores.sum(-1, keepdims=True)).astype(np.float16)
    tokens = (("<s>", "a", " b", "\n"), ("<s>", "c", " d", "é"))
    return AttentionPatterns(heads=("L1H2", "L2H3"), tokens=tokens, pattern=pattern)


def put(store: Store, record: AttentionPatterns, step: int = STEP) -> str:
    """Keep a record and return its key."""
    measured = synthetic.wrap(RUN, step, SPEC, record)
    store.put(measured)
    return measured.key


@pytest.fixture
def client(store: Store) -> FlaskClient:
    synthetic.fill(store, RUN)
    return create_app(store).server.test_client()


def context_of(store: Store) -> Context:
    library = Library(store)
    return Context(library, Payloads(library, "/"), Jobs(store), "/")


def words(page: Any) -> str:
    return str(page)


def state_of(client: FlaskClient, run: str = RUN.name) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/state/{run}").json["attention"]
    return found


# -- the page ------------------------------------------------------------------------------------


def main_of(store: Store, search: str) -> Any:
    page = component.layout(context_of(store), search)
    return page if getattr(page, "id", None) == "main" else page.children[0]


def test_the_page_tells_the_browser_what_to_fetch(store: Store) -> None:
    synthetic.fill(store, RUN)
    main = main_of(store, f"?run={RUN.name}&component=L2H3")
    facts = main.to_plotly_json()["props"]
    assert facts["data-page"] == "component"
    assert facts["data-payload"].startswith(f"/data/{RUN.name}/")


@pytest.mark.parametrize("search", ["", "?graph=soup", "?graph=unigram.zero", "?task=text"])
def test_without_a_component_the_browser_chooses_one(store: Store, search: str) -> None:
    synthetic.fill(store, RUN)
    assert main_of(store, search).className == "page component-page"


def test_a_component_that_is_not_there_is_told_with_links_to_those_that_are(store: Store) -> None:
    synthetic.fill(store, RUN)
    main = main_of(store, f"?run={RUN.name}&graph=unigram.zero&component=L9H9")
    assert "No component “L9H9”" in words(main)
    link = f"/component?run={RUN.name}&graph=unigram.zero&component=L2H3"
    assert link in words(main)
    assert words(main).count("/component?") == 22


def test_a_component_of_another_graph_is_found_there(store: Store) -> None:
    synthetic.fill(store, RUN)
    development = Library(store).development(RUN.name)
    graph = development.graphs["text.zero"]
    finer = dataclasses.replace(graph, components=(*graph.components[:-1], "L0H0Q"))
    both = dataclasses.replace(development, graphs={"text.zero": graph, "text.zero.hooks": finer})
    page = component.unknown_component("L0H0Q", both, "text.zero", "/")
    assert f"/component?run={RUN.name}&graph=text.zero.hooks&component=L0H0Q" in words(page)


def test_a_run_without_graphs_says_where_to_compute_them(store: Store) -> None:
    store.put_run(RUN)
    main = main_of(store, f"?run={RUN.name}")
    assert "No ablation graph of stdlib_lm is measured yet" in words(main)
    assert f"/?run={RUN.name}" in words(main)


def test_an_empty_store_says_what_to_do(store: Store) -> None:
    assert "No runs yet" in words(component.layout(context_of(store), "?run=none"))


def test_an_unknown_run_is_told(store: Store) -> None:
    synthetic.fill(store, RUN)
    page = show_page(context_of(store), "/component", "?run=none")
    assert "No run named “none”" in words(page)


# -- the patterns --------------------------------------------------------------------------------


def test_a_heads_file_holds_its_patterns_and_tokens(client: FlaskClient, store: Store) -> None:
    record = patterns()
    put(store, record)
    address = state_of(client)["measured"][str(STEP)]
    answer = client.get(f"{address}/L2H3.bin")
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    header, data = decode(answer.data)
    assert header["head"] == "L2H3"
    assert tuple(map(tuple, header["tokens"])) == record.tokens
    np.testing.assert_array_equal(array(header["pattern"], data), record.pattern[1])


def test_what_is_not_there_is_not_found(client: FlaskClient, store: Store) -> None:
    put(store, patterns())
    address = state_of(client)["measured"][str(STEP)]
    assert client.get(f"{address}/L9H9.bin").status_code == 404
    assert client.get(f"/data/{RUN.name}/attention/{'0' * 64}/L2H3.bin").status_code == 404
    assert client.get(f"/data/none/attention/{'0' * 64}/L2H3.bin").status_code == 404


def test_a_damaged_record_is_a_failure_and_no_pattern(client: FlaskClient, store: Store) -> None:
    key = put(store, patterns())
    address = state_of(client)["measured"][str(STEP)]
    store._cache.set(key, b"not a record")
    assert client.get(f"{address}/L2H3.bin").status_code == 404
    (failure,) = Library(store).development(RUN.name).failures
    assert (failure.kind, failure.step) == ("attention", STEP)


def test_patterns_are_never_counted_as_missing_and_change_no_curve(store: Store) -> None:
    shipped = dataclasses.replace(RUN, source="shipped")
    synthetic.fill(store, shipped)
    before = Library(store).development(RUN.name)
    put(store, patterns())
    after = Library(store).development(RUN.name)
    assert [vars(row) for row in after.coverage] == [vars(row) for row in before.coverage]
    assert [c.id for c in after.curves] == [c.id for c in before.curves]


def test_patterns_are_no_part_of_the_runs_data(client: FlaskClient, store: Store) -> None:
    before = client.get(f"/api/state/{RUN.name}").json["payload"]
    put(store, patterns())
    assert client.get(f"/api/state/{RUN.name}").json["payload"] == before


# -- asking for them -----------------------------------------------------------------------------


def ask(client: FlaskClient, **body: object) -> Any:
    return client.post("/api/jobs", json={"run": RUN.name, **body})


def test_patterns_of_one_checkpoint_are_asked_for_once(client: FlaskClient, store: Store) -> None:
    first, again = (ask(client, kinds=["attention"], steps=[STEP]).json["job"] for _ in range(2))
    assert first["id"] == again["id"]
    (job,) = Jobs(store).list()
    assert job.measurements() == [s for s in demanded_measurements(RUN) if s.kind == "attention"]
    assert job.steps == (STEP,)
    assert state_of(client) == {"measured": {}, "waiting": {str(STEP): "queued"}}


def test_a_step_waits_until_its_job_is_closed_or_its_record_is_there(
    client: FlaskClient, store: Store
) -> None:
    job = ask(client, kinds=["attention"], steps=[STEP, RUN.steps[5]]).json["job"]["id"]
    put(store, patterns())
    assert list(state_of(client)["waiting"]) == [str(RUN.steps[5])]
    Jobs(store).cancel(job)
    assert state_of(client)["waiting"] == {}


def test_standard_kinds_can_be_asked_for_alone(client: FlaskClient, store: Store) -> None:
    assert ask(client, kinds=["llc"]).status_code == 202
    (job,) = Jobs(store).list()
    assert [spec.kind for spec in job.measurements()] == ["llc"]
    assert job.steps is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            {"kinds": ["soup"]},
            "kinds must be a list of some of attention, behaviour, context, curvature, graph",
        ),
        ({"kinds": "attention"}, "kinds must be a list"),
        ({"kinds": []}, "no measurement was asked for"),
        ({"steps": ["3"]}, "steps must be a list of whole numbers"),
        ({"steps": [True]}, "steps must be a list of whole numbers"),
        ({"steps": []}, "steps must be a list of whole numbers"),
        ({"steps": [7777777]}, "no checkpoint at step 7777777"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_with_a_reason(
    client: FlaskClient, store: Store, body: dict[str, object], reason: str
) -> None:
    answer = ask(client, **body)
    assert answer.status_code == 409
    assert reason in answer.json["reason"]
    assert Jobs(store).list() == []


@pytest.fixture
def small_run(tmp_path: Path) -> Run:
    """A run of two checkpoints with weights, a tokenizer and a text."""
    folder = tmp_path / "small"
    for step in (0, 5):
        save_language_model("gpt_neox", folder / f"step{step}", seed=step)
    text = tmp_path / "text.txt"
    text.write_text("!\"#$%&'()*+,-./0123456789 " * 30)
    return describe_run(str(folder), text=text)


def test_a_pattern_is_asked_for_measured_and_shown(store: Store, small_run: Run) -> None:
    store.put_run(small_run)
    client = create_app(store).server.test_client()
    ask_for = {"run": small_run.name, "kinds": ["attention"], "steps": [5]}
    assert client.post("/api/jobs", json=ask_for).status_code == 202
    (job,) = Jobs(store).list()
    plan = Plan(
        store, small_run, job.measurements(), steps=job.steps, weights_digest=weights_digest
    )
    for task in plan.tasks():
        plan.keep(task, perform(task))
    assert plan.progress().failures == ()
    state = state_of(client, small_run.name)
    assert list(state["measured"]) == ["5"]
    header, data = decode(client.get(f"{state['measured']['5']}/L2H3.bin").data)
    pattern = array(header["pattern"], data).astype(np.float64)
    assert pattern.shape == (4, 49, 49)
    np.testing.assert_allclose(pattern.sum(-1), 1, atol=5e-4)
    # The prompts are held-out text, shown twice behind a token that begins a text.
    first = header["tokens"][0]
    assert first[1:25] == first[25:]
    assert "".join(first[1:25]) in "!\"#$%&'()*+,-./0123456789 " * 30


def test_a_record_of_small_models_is_small() -> None:
    heads, prompts, positions = 16, SPEC.task.prompts, 2 * SPEC.task.length + 1
    record = AttentionPatterns(
        heads=tuple(f"L0H{i}" for i in range(heads)),
        tokens=(("token",) * positions,) * prompts,
        pattern=np.zeros((heads, prompts, positions, positions), np.float16),
    )
    assert len(to_bytes(synthetic.wrap(RUN, STEP, SPEC, record))) < 2**20


def test_patterns_have_a_name_of_their_own() -> None:
    assert measurement_label(SPEC) == "attention patterns, real text, repeated"

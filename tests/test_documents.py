"""What there is, is written down: in the README or in the guide that the dashboard shows."""

from __future__ import annotations

import html
import importlib
import pkgutil
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import dashboard.pages
from compute.cli import commands_table
from compute.networks.registry import METRICS
from compute.settings import SETTINGS, settings_table
from compute.specs import MEASUREMENTS
from dashboard.formulas import FORMULAS, formula
from dashboard.glossary import GLOSSARY
from dashboard.pages.guide import guide_text

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = guide_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

PAGES = [
    importlib.import_module(f"dashboard.pages.{found.name}")
    for found in pkgutil.iter_modules(dashboard.pages.__path__)
]


def test_the_readme_has_the_table_of_settings_as_it_is():
    assert settings_table() in README, "paste compute.settings.settings_table() into README.md"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_in_the_readme(setting):
    assert setting.option in README
    assert setting.variable in README


def test_the_readme_has_the_table_of_commands_as_it_is():
    assert commands_table() in README, "paste compute.cli.commands_table() into README.md"


@pytest.mark.parametrize("kind", sorted(MEASUREMENTS))
def test_every_kind_of_record_is_explained(kind):
    assert f"`{kind}`" in README + GUIDE


@pytest.mark.parametrize("page", [page for page in PAGES if hasattr(page, "PATH")])
def test_every_page_is_named(page):
    assert page.TITLE in README + GUIDE


@pytest.mark.parametrize(
    "path", sorted(p.name for p in (ROOT / "compute").iterdir() if p.suffix == ".py")
)
def test_contributing_shows_every_module_of_compute(path):
    assert path == "__init__.py" or path in CONTRIBUTING


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_every_metric_is_in_the_guide_with_its_definition_and_unit(metric):
    line = next(line for line in GUIDE.splitlines() if line.startswith(f"| {metric.label} |"))
    assert metric.definition in line
    assert metric.unit.replace("|", "\\|") in line


def test_contributing_is_short():
    assert len(CONTRIBUTING.splitlines()) < 60


# The language of the project, and what every page calls its own.
VERDICTS = ("healthy", "short", "drifting", "not at a minimum", "diverged", "frozen")
WORDS = [
    "run",
    "development",
    "step",
    "component",
    "effect",
    "weight",
    "chain",
    "draw",
    "nbeta",
    "gamma",
    "step_size",
    "spec",
    "record",
    "key",
    "stage",
    "phase",
    "checkpoint",
    "ablation",
    "spreader",
    "gatherer",
    "prompt",
    "recipe",
    "seed",
    "verdict",
]
SPELLED = {"step_size": "step size", "seed": "Recipe", "nbeta": "nbeta", "gamma": "gamma"}


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_project_is_in_the_glossary(word):
    wanted = SPELLED.get(word, word).casefold()
    assert any(wanted in term.name.casefold() for term in GLOSSARY)


@pytest.mark.parametrize("kind", sorted(MEASUREMENTS))
def test_every_kind_of_record_has_a_word(kind):
    assert any(kind in term.kinds for term in GLOSSARY)


@pytest.mark.parametrize("page", [p for p in PAGES if hasattr(p, "PATH") and p.TITLE != "Guide"])
def test_every_page_has_its_words(page):
    assert any(page.TITLE in term.pages for term in GLOSSARY)
    titles = {p.TITLE for p in PAGES if hasattr(p, "PATH")}
    assert all(title in titles for term in GLOSSARY for title in term.pages)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_in_the_glossary(verdict):
    assert verdict in next(term.meaning for term in GLOSSARY if term.name == "Verdict")


@pytest.mark.parametrize("name", sorted(FORMULAS))
def test_every_formula_is_well_formed_and_in_the_guide(name):
    ET.fromstring(formula(name))
    assert f"[FORMULA {name}]" in GUIDE


def test_nothing_is_left_to_fill_in():
    left = re.findall(r"\[([A-Z]{4,}[A-Z ]*\w*)\]", GUIDE)
    assert set(left) == {f"FORMULA {name}" for name in FORMULAS}


def test_every_key_of_the_list_is_in_the_guide():
    listed = (ROOT / "assets/modules/keys.mjs").read_text(encoding="utf-8")
    rows = re.findall(r'^  \["([^"]+)", "', listed, re.MULTILINE)
    assert len(rows) > 10
    told = {html.unescape(key) for key in re.findall(r"<kbd>(.+?)</kbd>", GUIDE)}
    # Two names of what the guide says once.
    known = told | {"Page", "↑", "↓"}
    assert {key for row in rows for key in row.split()} <= known

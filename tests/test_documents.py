"""What there is, is written down: in the README or in the guide that the dashboard shows."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest

import dashboard.pages
from compute.cli import commands_table
from compute.networks.registry import METRICS
from compute.settings import SETTINGS, settings_table
from compute.specs import MEASUREMENTS
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

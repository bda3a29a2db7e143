"""The house stands: imports point downward, and each outside library has one door."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from setuptools import Distribution
from setuptools.config.pyprojecttoml import apply_configuration

ROOT = Path(__file__).resolve().parent.parent
# Installed as a package of its own, for notebooks; what lies there is imported as `ontogeny`.
NOTEBOOK = ROOT / "dashboard" / "notebook"
FILES = sorted([*ROOT.glob("compute/**/*.py"), *ROOT.glob("dashboard/**/*.py"), ROOT / "app.py"])

# What each module of `compute` may import of `compute`; a package stands for all below it.
MAY_IMPORT = {
    "errors": "",
    "runs": "errors",
    "llc_specs": "errors",
    "behaviour_specs": "errors",
    "specs": "errors runs llc_specs behaviour_specs",
    "llc_records": "llc_specs",
    "behaviour_records": "",
    "records": "errors llc_specs specs llc_records behaviour_records",
    "calibration": "llc_specs llc_records",
    "calibrating": "errors runs llc_specs specs llc_records calibration store jobs",
    "components": "",
    "smoothing": "",
    "random_walks": "",
    "trajectories": "errors behaviour_records random_walks",
    "coincidence": "errors smoothing",
    "alignment": "errors",
    "curve_clusters": "",
    "networks": "errors specs records components",
    "settings": "errors",
    "store": "errors runs specs records",
    "jobs": "errors runs specs store",
    "models": "errors runs llc_specs",
    "measure": "errors llc_specs behaviour_specs specs llc_records behaviour_records records "
    "models networks smoothing",
    "worker": "errors runs specs records models measure",
    "engine": "errors worker",
    "plan": "errors runs specs records store worker",
    "service": "errors runs specs store jobs plan engine models",
    "catalogue": "errors runs store jobs",
    "places": "errors runs",
    "holdings": "errors runs specs records store",
    "bundle": "errors runs llc_specs specs records store",
    "imported": "errors runs specs records store",
    "check": "errors runs specs store plan",
    "serving": "errors settings",
    "terminal": "calibration jobs plan",
    "choices": "errors runs llc_specs specs",
    "downloads": "errors runs settings specs store plan models",
    "commands": "errors settings runs specs store jobs plan worker engine service bundle check "
    "serving terminal models choices downloads imported llc_specs calibration calibrating "
    "catalogue",
    "cli": "errors settings choices commands",
}

# What the dashboard may import of `compute`, and the parts of it that are pure.
DASHBOARD_MAY_IMPORT = (
    "errors runs llc_specs behaviour_specs specs llc_records behaviour_records records components "
    "networks calibration calibrating smoothing curve_clusters trajectories "
    "random_walks coincidence alignment store jobs catalogue places holdings"
)
FIGURES_MAY_IMPORT = (
    "errors runs llc_specs behaviour_specs specs llc_records behaviour_records records components "
    "networks calibration smoothing curve_clusters trajectories random_walks coincidence "
    "alignment"
)
# What notebooks need beside that: shipped developments, to be read without a server.
ONTOGENY_MAY_IMPORT = f"{DASHBOARD_MAY_IMPORT} bundle"
# Of `compute.measure`, what is pure: NumPy in, boundaries out.
STAGES = "compute.measure.stages"

# The only places where a library may be imported.
DOORS = {
    "diskcache": ["compute.store"],
    "dask": ["compute.engine"],
    "distributed": ["compute.engine"],
    "torch": ["compute.models", "compute.measure", "compute.worker"],
    "transformers": ["compute.models"],
    "transformer_lens": ["compute.models"],
    "huggingface_hub": ["compute.models"],
    "filelock": ["compute.models"],
    # For its types alone also where graphs are made and handed out.
    "networkx": ["compute.networks", "dashboard.tables.graphs", "ontogeny.run"],
    "ruptures": ["compute.networks"],
    "arviz_stats": ["compute.measure"],
    "dash": ["dashboard"],
    "flask": ["dashboard"],
    "plotly": ["dashboard.figures", "ontogeny"],
    "pandas": ["ontogeny"],
    "pyarrow": ["dashboard.tables.files"],
    "waitress": ["compute.serving"],
    "rich": ["compute.terminal", "compute.commands", "compute.downloads"],
}


class Import(NamedTuple):
    """One import of one module; ``late`` if it is inside a function."""

    importer: str
    imported: str
    late: bool
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def module_name(path: Path) -> str:
    base = NOTEBOOK if path.is_relative_to(NOTEBOOK) else ROOT
    parts = path.relative_to(base).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports_of(path: Path) -> Iterator[Import]:
    importer = module_name(path)

    def walk(node: ast.AST, late: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if isinstance(child, ast.Import):
                for alias in child.names:
                    yield Import(importer, alias.name, late, child.lineno)
            elif isinstance(child, ast.ImportFrom):
                base = child.module or ""
                for alias in child.names:
                    # `from compute import settings` imports the module compute.settings.
                    root = NOTEBOOK if base.split(".")[0] == "ontogeny" else ROOT
                    inner = root.joinpath(*base.split("."), alias.name)
                    is_module = inner.is_dir() or inner.with_suffix(".py").is_file()
                    name = f"{base}.{alias.name}" if base and is_module else base
                    yield Import(importer, "." * child.level + name, late, child.lineno)
            yield from walk(child, inside)

    return walk(ast.parse(path.read_text(encoding="utf-8")), late=False)


IMPORTS = [found for path in FILES for found in imports_of(path)]


def part(module: str) -> str:
    """Return what follows the package's name: `compute.models.hub` is in ``models``."""
    return module.split(".")[1] if "." in module else ""


def is_below(module: str, doors: list[str]) -> bool:
    return any(module == door or module.startswith(door + ".") for door in doors)


def test_there_is_something_to_look_at():
    assert len(IMPORTS) > 200
    assert Import("app", "compute.settings", True, 0)[:3] in {found[:3] for found in IMPORTS}


def test_every_module_of_compute_has_its_place():
    parts = {part(module_name(path)) for path in FILES if module_name(path).startswith("compute.")}
    assert parts - {""} == set(MAY_IMPORT)


def test_the_table_itself_has_no_cycle():
    order: list[str] = []
    left = {name: set(may.split()) for name, may in MAY_IMPORT.items()}
    while left:
        free = [name for name, needs in left.items() if needs <= set(order)]
        assert free, f"a cycle among {sorted(left)}"
        order += free
        left = {name: needs for name, needs in left.items() if name not in free}


def test_imports_within_compute_point_downward():
    wrong = [
        str(found)
        for found in IMPORTS
        if found.importer.startswith("compute.")
        and found.imported.startswith("compute.")
        and part(found.importer) != part(found.imported)
        and part(found.imported) not in MAY_IMPORT[part(found.importer)].split()
    ]
    assert not wrong


def test_the_dashboard_reads_records_and_the_queue_and_computes_nothing():
    wrong = [
        str(found)
        for found in IMPORTS
        if found.importer.startswith("dashboard")
        and found.imported.startswith("compute")
        and found.imported != STAGES
        and part(found.imported) not in DASHBOARD_MAY_IMPORT.split()
    ]
    assert not wrong


def test_figures_read_no_store_and_know_no_page():
    wrong = [
        str(found)
        for found in IMPORTS
        if is_below(found.importer, ["dashboard.figures"])
        and (
            found.imported.split(".")[0] in ("dash", "flask")
            or is_below(found.imported, ["dashboard.pages", "dashboard.factory", "dashboard.shell"])
            or (
                found.imported.startswith("compute")
                and found.imported != STAGES
                and part(found.imported) not in FIGURES_MAY_IMPORT.split()
            )
        )
    ]
    assert not wrong


def test_the_package_for_notebooks_reads_what_pages_read_and_is_called_by_its_name():
    wrong = [
        str(found)
        for found in IMPORTS
        if found.imported.startswith("dashboard.notebook")
        or (
            is_below(found.importer, ["ontogeny"])
            and (
                found.imported.split(".")[0] in ("dash", "flask")
                or is_below(found.imported, ["dashboard.pages", "dashboard.factory"])
                or (
                    found.imported.startswith("compute")
                    and found.imported != STAGES
                    and part(found.imported) not in ONTOGENY_MAY_IMPORT.split()
                )
            )
        )
        or (
            found.imported.split(".")[0] == "ontogeny"
            and not is_below(found.importer, ["ontogeny"])
        )
    ]
    assert not wrong


def test_tables_know_no_page_and_no_server():
    wrong = [
        str(found)
        for found in IMPORTS
        if is_below(found.importer, ["dashboard.tables"])
        and (
            found.imported.split(".")[0] in ("dash", "flask")
            or is_below(found.imported, ["dashboard.pages", "dashboard.factory", "dashboard.shell"])
        )
    ]
    assert not wrong


def test_pages_do_not_know_who_serves_them():
    wrong = [
        str(found)
        for found in IMPORTS
        if found.importer.startswith("dashboard.") and found.importer != "dashboard.factory"
        if found.imported in ("dashboard.factory", "app")
    ]
    assert not wrong


def test_compute_opens_the_dashboard_late_and_in_one_place():
    found = [
        entry
        for entry in IMPORTS
        if not is_below(entry.importer, ["dashboard", "ontogeny"])
        and is_below(entry.imported, ["dashboard"])
    ]
    assert {entry.importer for entry in found} == {"compute.commands"}
    assert all(entry.late for entry in found)


@pytest.mark.parametrize("library", sorted(DOORS))
def test_a_library_comes_in_by_its_door_only(library):
    wrong = [
        str(found)
        for found in IMPORTS
        if found.imported.split(".")[0] == library and not is_below(found.importer, DOORS[library])
    ]
    assert not wrong


def test_nothing_is_imported_relatively():
    assert not [str(found) for found in IMPORTS if found.imported.startswith(".")]


def test_the_environment_is_read_by_the_settings_only():
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            reads = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            if reads and module_name(path) != "compute.settings":
                wrong.append(f"{module_name(path)}:{node.lineno}")
    assert not wrong


def test_only_the_worker_catches_everything():
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler) and module_name(path) != "compute.worker":
                caught = [] if node.type is None else list(ast.walk(node.type))
                names = {n.id for n in caught if isinstance(n, ast.Name)}
                if node.type is None or names & {"Exception", "BaseException"}:
                    wrong.append(f"{module_name(path)}:{node.lineno}")
    assert not wrong


WEB_PROCESS = """
import sys
from pathlib import Path
from compute import commands, settings
chosen = settings.resolve(environment={"ONTOGENY_DATA": sys.argv[1]})
client = commands.open_application(chosen).server.test_client()
for path in ("/", "/_dash-layout", "/_dash-dependencies"):
    assert client.get(path).status_code == 200, path
print(*sys.modules)
"""


def test_the_web_process_never_imports_torch(tmp_path):
    child = subprocess.run(
        [sys.executable, "-c", WEB_PROCESS, str(tmp_path / "store")],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert child.returncode == 0, child.stderr
    loaded = set(child.stdout.split())
    assert "dash" in loaded
    heavy = {"torch", "transformers", "transformer_lens", "distributed", "networkx"}
    assert not loaded & (heavy | {"pandas", "pyarrow", "ontogeny"})


NOTEBOOK_PROCESS = """
import sys
import ontogeny
print(*sys.modules)
"""


def test_a_notebook_never_imports_torch_nor_a_server(tmp_path):
    child = subprocess.run(
        [sys.executable, "-c", NOTEBOOK_PROCESS],
        capture_output=True,
        text=True,
        cwd=NOTEBOOK,
        env={"PYTHONPATH": f"{ROOT}:{NOTEBOOK}"},
    )
    assert child.returncode == 0, child.stderr
    loaded = set(child.stdout.split())
    assert {"ontogeny", "pandas", "plotly"} <= loaded
    assert not loaded & {"torch", "transformers", "transformer_lens", "distributed", "dash"}


def test_the_package_for_notebooks_is_installed_by_its_own_name_alone():
    described = Distribution()
    apply_configuration(described, ROOT / "pyproject.toml")
    packages = set(described.packages)
    assert {"compute", "dashboard", "dashboard.tables", "ontogeny"} <= packages
    assert not [name for name in packages if name.startswith("dashboard.notebook")]
    assert described.package_dir["ontogeny"] == "dashboard/notebook/ontogeny"


SERVICE_PROCESS = """
import sys
from compute import cli, engine, jobs, plan, service, store
print(*sys.modules)
"""


def test_a_service_without_a_job_has_not_imported_torch():
    child = subprocess.run(
        [sys.executable, "-c", SERVICE_PROCESS], capture_output=True, text=True, check=True
    )
    assert not set(child.stdout.split()) & {"torch", "transformers", "distributed", "dash"}

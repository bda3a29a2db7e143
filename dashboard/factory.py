"""The web application, made from a store."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from dash import Dash, Input, Output

from compute.catalogue import Add
from compute.errors import OntogenyError
from compute.jobs import Jobs
from compute.store import Store
from dashboard import (
    across_api,
    api,
    behaviour_api,
    calibration_api,
    chains_api,
    coincidence_api,
    compare_api,
    dynamics_api,
    export_api,
    ids,
    job_api,
    runs_api,
    saved_page_api,
    shell,
    stages_api,
)
from dashboard.coincidences import Coincidences
from dashboard.context import Context
from dashboard.library import Library
from dashboard.pages import (
    across,
    behaviour,
    calibration,
    chains,
    coincidence,
    compare,
    component,
    development,
    dynamics,
    guide,
    jobs,
    network,
    refined,
    runs,
    states,
)
from dashboard.payloads import Payloads
from dashboard.preloads import PreloadingDash
from dashboard.security import content_policy, secure
from dashboard.selection import choose_run, is_embedded, page_path
from dashboard.stages import Stagings
from dashboard.tables.sources import Sources

ASSETS = Path(__file__).parent.parent / "assets"
PAGES = cast(
    "tuple[shell.Page, ...]",
    (
        development,
        network,
        behaviour,
        dynamics,
        refined,
        coincidence,
        chains,
        calibration,
        component,
        compare,
        across,
        runs,
        jobs,
        guide,
    ),
)


def create_app(
    store: Store,
    *,
    token: str | None = None,
    path_prefix: str = "/",
    embed_origins: Sequence[str] = (),
    runs_folders: Sequence[Path] = (),
    add: Add | None = None,
) -> Dash:
    """Return the dashboard of a store.

    Parameters
    ----------
    token
        What a visitor must bring once, as ``?token=``; None lets everybody in who reaches the
        server, so the server must then be reachable from this machine only.
    path_prefix
        The path under which the dashboard answers; starts and ends with a slash.
    embed_origins
        The sites that may show views in their frames.
    runs_folders
        Folders out of which visitors may add runs.
    add
        Enters a run into the catalogue; without it, visitors can add and remove none.
    """
    library = Library(store)
    context = Context(library, Payloads(library, path_prefix), Jobs(store), path_prefix)
    app = PreloadingDash(
        __name__,
        title="Ontogeny",
        update_title="",
        assets_folder=str(ASSETS),
        assets_path_ignore=["modules", "vendor"],
        use_pages=False,
        include_pages_meta=False,
        url_base_pathname=path_prefix,
        index_string=shell.document(path_prefix),
        suppress_callback_exceptions=True,
        enable_mcp=False,
    )
    app.layout = shell.root()
    _register(app, context)
    api.register(app.server, context)
    behaviour_api.register(app.server, context)
    chains_api.register(app.server, context)
    stagings = Stagings(context.library, context.payloads)
    stages_api.register(app.server, context, stagings)
    across_api.register(app.server, context, stagings.stages)
    coincidences = Coincidences(context.library, context.payloads, stagings)
    coincidence_api.register(app.server, context, coincidences)
    dynamics = dynamics_api.Dynamics(store)
    dynamics_api.register(app.server, context, dynamics)
    sources = Sources(context.library, context.payloads, stagings, coincidences, dynamics)
    export_api.register(app.server, context, sources, guarded=token is not None)
    job_api.register(app.server, context, guarded=token is not None)
    calibration_api.register(app.server, context, guarded=token is not None)
    compare_api.register(app.server, context)
    runs_api.register(app.server, context, guarded=token is not None, folders=runs_folders, add=add)
    titles = {page.PATH: page.TITLE for page in PAGES}
    show = functools.partial(show_page, context)
    saved_page_api.register(app.server, context, show, titles, ASSETS)
    policy = content_policy(app.csp_hashes(), embed_origins)
    secure(app.server, policy=policy, token=token, prefix=path_prefix)
    return app


def _register(app: Dash, context: Context) -> None:
    for page in PAGES:
        page.register(app, context)

    def tell(error: Exception) -> Any:
        app.logger.error("this page could not be made", exc_info=error)
        return states.broken()

    @app.callback(
        Output(ids.PAGE, "children"),
        Input(ids.URL, "pathname"),
        Input(ids.URL, "search"),
        on_error=tell,
    )
    def show(pathname: str | None, search: str | None) -> Any:
        return show_page(context, pathname or "/", search or "")


def show_page(context: Context, pathname: str, search: str) -> list[Any]:
    """Return what stands at an address; a store in trouble gives the reason, not a trace."""
    path = page_path(pathname, context.prefix)
    page = next((p for p in PAGES if path == p.PATH), None)
    try:
        runs = context.library.store.runs()
        run = choose_run(runs, search)
        body = states.unknown_page(context.prefix) if page is None else page.layout(context, search)
        if is_embedded(search):
            return shell.embedded(body, context, path=path, search=search, run=run)
        return shell.frame(body, PAGES, context, path=path, runs=runs, run=run)
    except OntogenyError as error:
        return shell.frame(states.trouble(str(error)), PAGES, context, path=path)

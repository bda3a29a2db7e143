"""Pages as HTML without Dash: for a file that is read where no server is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash.development.base_component import Component
from markupsafe import escape

# Names of properties that HTML writes differently, and elements that have no end.
_ATTRIBUTES = {"className": "class", "htmlFor": "for", "tabIndex": "tabindex"}
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})
_PLAIN = "dash_html_components"


def markup(node: Any) -> str:
    """Return a layout as HTML.

    What only Dash can draw leaves an empty element of its id; a part of the page around such a
    thing, but for a figure, is hidden, since it would stay empty.

    >>> from dash import html
    >>> markup(html.P(["2 < 3", html.Br()], className="quiet", hidden=True))
    '<p class="quiet" hidden>2 &lt; 3<br></p>'
    """
    if node is None:
        return ""
    if isinstance(node, list | tuple):
        return "".join(markup(child) for child in node)
    if not isinstance(node, Component):
        return str(escape(node))
    props = {k: v for k, v in node.to_plotly_json()["props"].items() if v is not None}
    children = props.pop("children", None)
    if node._namespace != _PLAIN:
        return f'<div id="{escape(props.get("id", ""))}"></div>'
    tag = node._type.lower()
    if tag == "section" and _needs_dash(children):
        props["hidden"] = True
    start = f"<{tag}{_attributes(props)}>"
    return start if tag in _VOID else f"{start}{markup(children)}</{tag}>"


def left_out(node: Any) -> list[str]:
    """Return the names of the parts of a page that `markup` hides."""
    if isinstance(node, list | tuple):
        return [name for child in node for name in left_out(child)]
    if not isinstance(node, Component) or node._namespace != _PLAIN:
        return []
    children = getattr(node, "children", None)
    if node._type == "Section" and _needs_dash(children):
        return [str(getattr(node, "aria-label", "a part"))]
    return left_out(children)


def _needs_dash(node: Any) -> bool:
    """Say whether a part of the page shows something that only Dash can draw, but for a figure."""
    if isinstance(node, list | tuple):
        return any(_needs_dash(child) for child in node)
    if not isinstance(node, Component):
        return False
    if node._namespace != _PLAIN:
        return node._type not in ("Graph", "Store")
    return _needs_dash(getattr(node, "children", None))


def _attributes(props: Mapping[str, Any]) -> str:
    """Return attributes by name, so that the same page gives the same text."""
    found = []
    for name, value in sorted(props.items()):
        if name in ("n_clicks", "n_clicks_timestamp", "key") or value is False:
            continue
        known = _ATTRIBUTES.get(name, name)
        text = _style(value) if name == "style" else value
        found.append(f" {known}" if value is True else f' {known}="{escape(text)}"')
    return "".join(found)


def _style(value: Mapping[str, Any]) -> str:
    def dashed(name: str) -> str:
        return "".join(f"-{c.lower()}" if c.isupper() else c for c in name)

    return ";".join(f"{dashed(name)}:{part}" for name, part in value.items())

"""The browser's modules as files: what imports what."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

IMPORT = re.compile(r"""((?:\bfrom|\bimport)\s*\(?\s*")\./([\w]+\.mjs)(")""")
_LATER = re.compile(r"""\bimport\s*\(\s*"\./[\w]+\.mjs"\)""")


def reachable(
    folder: Path, names: list[str], *, later: bool = True, without: Collection[str] = ()
) -> dict[str, str]:
    """Return modules and all that they import: source by name, in order.

    Parameters
    ----------
    later
        Whether what they import only when it is asked for counts too.
    without
        Modules to leave out, with what only they import.
    """
    found: dict[str, str] = {}
    left = list(names)
    while left:
        name = left.pop()
        if name in found or name in without:
            continue
        found[name] = (folder / name).read_text("utf-8")
        imports = found[name] if later else _LATER.sub("", found[name])
        left += [imported for _, imported, _ in IMPORT.findall(imports)]
    return dict(sorted(found.items()))

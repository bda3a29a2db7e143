"""One head's attention on every prompt, as the browser reads it."""

from __future__ import annotations

from compute.records import AttentionPatterns
from dashboard.arrays import Arrays, framed


def head_file(record: AttentionPatterns, head: str) -> bytes | None:
    """Return one head's patterns as a file (`dashboard.arrays`), or None if there is no such head.

    The header has the prompts' ``tokens`` and the ``pattern``, of shape prompts, query, key. A
    file holds one head, so that following it through the checkpoints asks for little.
    """
    if head not in record.heads:
        return None
    arrays = Arrays()
    pattern = arrays.add(record.pattern[record.heads.index(head)], "f2")
    return framed({"head": head, "tokens": record.tokens, "pattern": pattern}, arrays)

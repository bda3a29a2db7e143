"""Asking the hub again where that may help, and saying in one line why it gave nothing.

The hub's own client goes on where the body of a file broke off, and waits where one is refused with
429. Added here is what it leaves out: it asks the hub's API only once and waits for the answer for
ever, and to it a 5xx or a reset connection in the middle of a file is final.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import random
import time
from collections.abc import Callable
from typing import TypeVar

import httpx2
from huggingface_hub import get_session
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from huggingface_hub.utils import logging as hub_logging
from huggingface_hub.utils.tqdm import disable_progress_bars

from compute.errors import HubRefused, HubUnreachable, NoRoom

ANSWER_SECONDS = 30.0
# RuntimeError: Xet, the hub's storage, and a shared client that another thread has closed.
_CLIENT_ERRORS = (HFValidationError, httpx2.HTTPError, OSError, RuntimeError, json.JSONDecodeError)
_TRANSIENT = (
    httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, RuntimeError,
    json.JSONDecodeError,
)  # fmt: skip
_TRANSIENT_STATUS = (408, 429, 500, 502, 503, 504)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_WHAT_TO_DO = {
    401: "log in with `hf auth login`",
    403: "ask its owner for access",
    429: "try again later, or log in with `hf auth login` to be allowed more",
}

T = TypeVar("T")


# The bars and "trying to resume" of several workers would run together in one terminal.
disable_progress_bars()
hub_logging.set_verbosity_error()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Patience:
    """How often, and after which waits, a hub is asked again that does not answer.

    Attributes
    ----------
    attempts
        Questions in all.
    first_seconds
        The wait before the second; it doubles each time, and up to half of it is taken off by
        chance, so that workers do not come back all at once.
    longest_seconds
        The longest wait that a hub may ask for (``Retry-After``); beyond it, it has refused.
    """

    attempts: int = 4
    first_seconds: float = 1.0
    longest_seconds: float = 330.0


PATIENT = Patience()


def patiently(what: str, ask: Callable[[], T], patience: Patience) -> T:
    """Return what the hub's client gives, asked again where that may help.

    Parameters
    ----------
    what
        The repository, and the revision if there is one; the errors begin with it.

    Raises
    ------
    HubRefused
        If the hub does not give it; `HubUnreachable` if later it may.
    NoRoom
        If the disk is full.
    """
    wait = patience.first_seconds
    for left in range(patience.attempts - 1, -1, -1):
        try:
            # Not once for all: the client makes another session when a connection fails.
            get_session().timeout = httpx2.Timeout(ANSWER_SECONDS)
            return ask()
        except _CLIENT_ERRORS as error:
            cause = _cause(error)
            asked_for = _retry_after(cause)
            if asked_for > patience.longest_seconds:
                raise HubUnreachable(
                    f"{what}: the hub wants to be left alone for {asked_for:.0f} s; try again then"
                ) from error
            if not left or not _transient(cause):
                raise _refusal(what, cause) from error
        time.sleep(max(asked_for, wait * random.uniform(0.5, 1.0)))
        wait *= 2
    raise AssertionError("at least one attempt is made")


def _cause(error: Exception) -> Exception:
    """Return what is behind an error; the client says 'not on this disk' when it got no answer."""
    behind = error.__cause__
    if isinstance(error, LocalEntryNotFoundError) and isinstance(behind, Exception):
        return behind
    return error


def _transient(error: Exception) -> bool:
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in _TRANSIENT_STATUS
    # The client's own error for a body of the wrong length has no number.
    wrong_length = type(error) is OSError and error.errno is None
    return wrong_length or isinstance(error, _TRANSIENT)


def _retry_after(error: Exception) -> float:
    """Return the seconds that the hub wants to be left alone; 0 if it does not say."""
    if not isinstance(error, HfHubHTTPError):
        return 0.0
    text = error.response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


def _refusal(what: str, error: Exception) -> HubRefused | NoRoom:
    if isinstance(error, HFValidationError):
        return HubRefused(f"{what}: not a repository name; use owner/name")
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in _TRANSIENT_STATUS:
            todo = _WHAT_TO_DO.get(status, "try again later")
            return HubUnreachable(f"{what}: the hub answered {status}, again and again; {todo}")
        todo = _WHAT_TO_DO.get(status, "check the name and the revision")
        return HubRefused(f"{what}: the hub answered {status}; {todo}")
    if isinstance(error, OSError) and error.errno in _NO_SPACE:
        return NoRoom(f"{what}: the disk is full; free some of it, or use another: --checkpoints")
    if isinstance(error, OSError) and error.filename:
        return NoRoom(f"{error.filename}: {error.strerror}; use another folder: --checkpoints")
    reason = " ".join(str(error).split())[:160]
    return HubUnreachable(
        f"{what}: the hub cannot be reached ({reason}); check the network and try again"
    )

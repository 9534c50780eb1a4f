"""The base class of the errors whose message says all that a person needs, and what helps to."""

import errno
import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


class SzmassError(ValueError):
    """Something that szmass was given, or asked for, cannot be used.

    The message names the file, the key and the value, and what was expected; it is shown without a
    traceback.
    """


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_TEMPORARY = "No usable temporary directory"
"""How Python begins when no folder for temporary files can be written to."""


def lacks_room(error: Exception) -> bool:
    """Whether an error is one of the system that there is no room."""
    return isinstance(error, OSError) and (
        error.errno in NO_ROOM or str(error.strerror).startswith(NO_TEMPORARY)
    )


def message(error: Exception) -> str:
    """The text of an error for people; of a full disk without a file's name, also what to do."""
    if lacks_room(error) and not getattr(error, "filename", None):
        temporary = os.environ.get("TMPDIR", "/tmp")  # noqa: S108  # named, not used
        return f"{error}: make room in {temporary} (TMPDIR) and in {Path.cwd()}"
    return str(error)


EXTRAS = {"colossus": "figures", "matplotlib": "figures", "zarr": "zarr", "zarrs": "zarr"}
"""Which extra of szmass brings a library, by its name; any other one comes with `PIPELINE`."""
PIPELINE = "pipeline"


class MissingExtraError(SzmassError):
    """A library is not installed that only some of szmass needs.

    Args:
        what: cannot be done without.
        library: that is missing, by the name that it is imported by.
    """

    def __init__(self, what: str, library: str) -> None:
        name = library.partition(".")[0]
        extra = EXTRAS.get(name, PIPELINE)
        super().__init__(f'{what} needs {name}, which is missing: pip install "szmass[{extra}]"')


def near_word(word: str, known: Iterable[str]) -> str:
    """The known word that an unknown one is most like; empty where none is near."""
    return next(iter(get_close_matches(word, list(known), n=1)), "")


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """What a message about an unknown word ends with: the nearest known one, if any is near.

    Args:
        word: that is unknown.
        known: the words it could have been.
        prefix: what stands before the word that is suggested, such as its section.
    """
    near = near_word(word, known)
    return f"; did you mean {prefix}{near}?" if near else ""

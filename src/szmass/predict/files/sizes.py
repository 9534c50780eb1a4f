"""Sizes of files and memory for people."""

from __future__ import annotations


def in_words(size_bytes: int) -> str:
    """A number of bytes for people.

    Example:
        >>> in_words(3 * 2**29)
        '1.5 GiB'
    """
    size, units = float(size_bytes), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size /= 1024
        units.pop(0)
    return f"{size:.4g} {units[0]}"

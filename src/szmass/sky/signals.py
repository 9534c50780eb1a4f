"""What maps of clusters show.

Example:
    >>> COMPTON_Y, TEMPERATURE_UK
    ('compton_y', 'temperature_uk')
"""

from __future__ import annotations

COMPTON_Y, TEMPERATURE_UK = "compton_y", "temperature_uk"
"""Compton y, without a unit, or the CMB's temperature in uK, with clusters in it."""

"""Surveys other than Planck's: their settings, noise, training, and how good their masses are."""

"""Checks of the Compton-y cutouts, of their noise and of the observed cutouts."""

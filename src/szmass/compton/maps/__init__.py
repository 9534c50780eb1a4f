"""Simulated Compton-y cutouts, clean and with Planck's noise."""

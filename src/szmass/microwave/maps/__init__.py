"""Simulated 150 GHz cutouts."""

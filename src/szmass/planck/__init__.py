"""Planck's public files: catalogue, noise, the stand-in sky, cutouts."""

"""Samples at scale: maps from the sky's physics, computed by dask, kept in Zarr, checked."""

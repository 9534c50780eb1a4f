"""Zarr stores and tables of masses, each written whole or not at all, and dask to fill them."""

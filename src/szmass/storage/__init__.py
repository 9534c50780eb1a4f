"""Files that are there whole or not at all: Zarr stores, dask batches, tables."""

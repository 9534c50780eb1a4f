"""Masses of the PSZ2 clusters, beside Planck's own."""

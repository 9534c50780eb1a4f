"""Clusters, spherical or shaped as in simulations: pressure, Compton y, images behind a beam."""

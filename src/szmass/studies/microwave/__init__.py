"""Microwave: what the masses of the 150 GHz maps gain and lose by, beside the exact bound.

The experiment (noise, beam, size of the patch), the clusters (scatter of the SZ signal), the
network (width, maps seen), and its training set: new maps in each epoch or stored ones, as many
as Gupta & Reichardt 2020 (arXiv 2003.06135) have a mass or twice as many, of their eight masses or
of all between.
"""

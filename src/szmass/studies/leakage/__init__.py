"""Leakage: the scatter that would be claimed if maps instead of clusters were divided.

De Andres et al. 2022 divide clusters (arXiv 2209.10333, Supp. C): no cluster is used for both
training and validation. Lines of sight of one cluster share its mass and its departure from the
mean relation of Y and mass; a network that has seen some of them knows the others.
"""

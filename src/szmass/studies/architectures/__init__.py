"""Architectures: networks of other layers, kernels, filters, dropouts and learning rates.

De Andres et al. 2022 (arXiv 2209.10333), Supp. C and Fig. 5.
"""

"""Saliency: which pixels the networks of the pipeline take the masses from.

De Andres et al. 2022 (arXiv 2209.10333), Supp. G, Figs. 9 and 10.
"""

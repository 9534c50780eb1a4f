"""Baryon models: a network that is trained on one model of the gas, tested on the others.

De Andres et al. 2022 (arXiv 2209.10333), Supp. G, Fig. 11 and Table 3: clusters of the snapshot at
z = 0, placed at z = 0.05, at high resolution and without a beam, as maps of 96 x 96 pixels over
4 R500.
"""

"""Redshift bins: one, two, four or eight networks for all redshifts.

De Andres et al. 2022 (arXiv 2209.10333), Supp. F, Table 1 and Fig. 8. The paper prints (0.5, 0.7]
among its eight intervals where (0.5, 0.6] is meant.
"""

"""Gupta & Reichardt 2020 (arXiv 2003.06135): maps, checks, network, masses, results."""

"""De Andres et al. 2022 (arXiv 2209.10333): maps, checks, network, masses, results."""

"""Masses from the ensembles with posteriors, and from baselines without a network."""

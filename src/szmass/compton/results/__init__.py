"""Metrics, figures and tables of the test clusters, beside the paper's."""

"""Metrics, figures and the closing table."""

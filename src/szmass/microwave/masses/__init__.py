"""Masses without a network: the exact posterior, the matched filter."""

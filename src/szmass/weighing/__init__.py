"""Weighing: a cluster's mass from a bank of matched filters and a small network, told z and gas."""

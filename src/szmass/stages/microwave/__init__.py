"""Stages of the microwave line (Gupta and Reichardt 2020)."""

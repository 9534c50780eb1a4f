"""Stages of the Compton line (de Andres et al. 2022)."""

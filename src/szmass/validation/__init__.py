"""Expectations that tables must meet, and the verdict without which nothing is trained."""

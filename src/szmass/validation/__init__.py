"""Expectations of tables, and the verdict that a training depends on."""

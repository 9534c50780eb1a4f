"""Judgement of weighing: clusters of known mass, weighed; how good the masses are; the gate."""

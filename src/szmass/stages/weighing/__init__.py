"""Stages of weighing, our own estimator."""

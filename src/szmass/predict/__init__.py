"""Masses from a user's own maps: files, checks, the command, the model that MLflow serves."""

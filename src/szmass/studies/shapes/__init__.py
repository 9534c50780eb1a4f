"""Shapes: what masses of clusters are worth that are less round than those of the pipeline.

The pipeline's clusters are rounder than X-ray gas, by choice. Here its test clusters are made again
with other axes, and weighed by what was made for the round ones: the matched filter and weighing.
"""

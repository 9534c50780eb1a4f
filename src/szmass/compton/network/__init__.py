"""The CNN and its ensembles: training, selection, use."""

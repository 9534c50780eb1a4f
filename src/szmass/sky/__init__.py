"""Physics of the microwave sky and of clusters: numpy in, numpy out; no files, no settings."""

"""Training of weighing: simulated clusters, the network that learns from them, and the record."""

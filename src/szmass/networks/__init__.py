"""What both papers' networks share: Keras' backend, and the identity of a training."""

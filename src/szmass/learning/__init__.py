"""Networks and their training, with Keras 3 alone, so that TensorFlow and JAX run the same."""

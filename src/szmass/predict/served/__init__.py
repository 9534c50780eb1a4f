"""What MLflow runs when it loads a logged model."""

"""What MLflow's pages say, and where they are."""

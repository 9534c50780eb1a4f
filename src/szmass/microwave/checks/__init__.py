"""What must hold of the 150 GHz cutouts."""

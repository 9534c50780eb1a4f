"""What must hold of the Compton-y cutouts, their noise and the observed ones."""

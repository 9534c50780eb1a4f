"""szmass' masses beside those of another table: reading, matching, the fit of 1 - b, a figure."""

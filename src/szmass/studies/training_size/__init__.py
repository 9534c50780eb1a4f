"""Training size: the scatter of a CNN's masses by the number of clusters that it was trained on."""

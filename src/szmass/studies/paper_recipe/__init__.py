"""Paper recipe: the mResUNet trained as Gupta & Reichardt 2020 (arXiv 2003.06135) trained theirs.

Their stored maps of eight masses, batch, dropout, labels and learning rates, as `scales/paper.yaml`
has them, in a narrower network and fewer epochs. The weights are judged twice: with the averages of
batch normalisation as the training leaves them, and with those measured anew.
"""

"""The mResUNet: its maps and labels, its training, its use."""

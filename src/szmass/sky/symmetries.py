"""The eight symmetries of the square, under which a cutout is as good as before."""

from __future__ import annotations

import numpy as np

SYMMETRIES = 8


def turned(images: np.ndarray, symmetry: int) -> np.ndarray:
    """Images under one of the symmetries.

    Args:
        images: `(n, y, x)`.
        symmetry: 0 to 7; its bit 1 flips y, its bit 2 flips x, and its bit 4 then exchanges both.
            0 leaves the images alone.

    Returns:
        A view of the images, of their shape.
    """
    if symmetry & 1:
        images = images[:, ::-1]
    if symmetry & 2:
        images = images[:, :, ::-1]
    return images.swapaxes(1, 2) if symmetry & 4 else images

"""The eight symmetries of the square; a cutout that one of them turns is an equally likely sky."""

from __future__ import annotations

import numpy as np

SYMMETRIES = 8


def turned(images: np.ndarray, symmetry: int) -> np.ndarray:
    """Images under one of the symmetries.

    Args:
        images: `(n, y, x)`.
        symmetry: 0 to 7, the sum of 1 to flip y, 2 to flip x and 4 to exchange the axes after the
            flips; 0 leaves the images as they are.

    Returns:
        A view of the images, of their shape.

    Example:
        >>> image = np.array([[[1, 2], [3, 4]]])
        >>> turned(image, 1)  # upside down
        array([[[3, 4],
                [1, 2]]])
        >>> turned(image, 5)  # a quarter turn
        array([[[3, 1],
                [4, 2]]])
    """
    if symmetry & 1:
        images = images[:, ::-1]
    if symmetry & 2:
        images = images[:, :, ::-1]
    return images.swapaxes(1, 2) if symmetry & 4 else images

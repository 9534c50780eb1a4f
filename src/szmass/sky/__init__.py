"""Physics of the microwave sky and of clusters, as functions of numbers and numpy arrays.

Nothing here opens a file. The examples in the docstrings need `import numpy as np` and the names of
their own module; the tests run them.
"""

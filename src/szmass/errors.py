"""The base class of the errors whose message says all that a person needs."""


class SzmassError(ValueError):
    """Something that szmass was given, or asked for, cannot be used.

    The message names the file, the key and the value, and what was expected; it is shown without a
    traceback.
    """

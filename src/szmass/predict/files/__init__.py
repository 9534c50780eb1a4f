"""A user's own files: read within limits, with what their headers say."""

"""Data and models shared through DVC's remotes: are they whole, does a colleague get them?"""

from szmass.sharing.pulling import Pulled, pull
from szmass.sharing.sharing import Shared, share
from szmass.sharing.stored import SharingError, StoredFile
from szmass.sharing.verifying import Check, verify

__all__ = ["Check", "Pulled", "Shared", "SharingError", "StoredFile", "pull", "share", "verify"]

"""Check a folder of handed-in notebooks, each behind walls of its own."""

from .marks import check_folder

__all__ = ["check_folder"]

"""Tandem: a spot exchange that survives losing a region."""

from importlib.metadata import version

__version__ = version("tandem-exchange")

"""The version of the package, for its metadata and `--version`."""

__version__ = "0.1.0"

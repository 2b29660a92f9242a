"""Why an import cannot go on."""

from __future__ import annotations


class ImportFileError(Exception):
    """The file is not what its format says; the message names the line. Nothing of the file was appended."""


class ImportConflictError(Exception):
    """The log holds something that this import cannot be put on top of, or another process imports the same file."""

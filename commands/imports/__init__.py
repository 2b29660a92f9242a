"""Bulk imports: files of real interactions become the events that the command API would have written."""

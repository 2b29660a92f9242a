"""Media: what became of an upload, and the files that are shown."""

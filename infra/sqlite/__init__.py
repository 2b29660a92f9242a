"""SQLite files through apsw: one way to open them, one pattern to learn of changes."""

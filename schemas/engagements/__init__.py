"""Facts about likes and bookmarks."""

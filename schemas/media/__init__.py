"""Facts about uploaded images and videos."""

"""Images and videos: what was uploaded, what became of it, and where it is used."""

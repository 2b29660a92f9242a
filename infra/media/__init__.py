"""Images and videos: what is accepted, told by its first bytes, and decoded where it can do no harm."""

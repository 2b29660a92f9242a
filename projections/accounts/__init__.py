"""The accounts projection: profiles by id and by name."""

"""The graph: follow, block and mute."""

"""The graph projection: who follows, blocks and mutes whom, and how many."""

"""Facts about who follows, blocks and mutes whom."""

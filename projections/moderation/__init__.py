"""The moderation projection: cases, what was reported, noted and decided."""

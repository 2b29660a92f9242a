"""What an erasure has to know of copies: whether all of them have heard, and that what was deleted is overwritten."""

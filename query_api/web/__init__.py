"""The pages: a feed, a trend board and a pipeline board, for browsers."""

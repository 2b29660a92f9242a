"""Tweets by id, their replies, quotes and threads; and how every page of tweets is made."""

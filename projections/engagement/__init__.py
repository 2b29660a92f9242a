"""The engagement projection: likes, retweets, bookmarks, and what is counted from them."""

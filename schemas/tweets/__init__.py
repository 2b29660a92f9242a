"""Facts about tweets and retweets."""

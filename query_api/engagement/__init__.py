"""Who liked and who retweeted a tweet."""

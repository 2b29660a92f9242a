"""The tweets projection: tweets by id, by author, replies by parent, quotes by what they quote."""

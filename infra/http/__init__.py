"""HTTP plumbing that both APIs share: problems, middleware, rate limits, serving."""

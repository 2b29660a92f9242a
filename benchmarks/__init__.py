"""Each measurement beside its ceiling, in one run; `make bench` runs them all and writes RESULTS.md."""

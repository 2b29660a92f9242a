"""Log in, projections out: Faust agents, the loop that every one of them runs, and the transport under them."""

"""Makes of what was uploaded what is shown: an effect beside the projections."""

"""Read models: one folder each, a pure projector and one store per engine."""

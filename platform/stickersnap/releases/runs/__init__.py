"""A training run: asked for, led, ended; and the process that trains."""

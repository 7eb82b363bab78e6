"""How good a set of weights is: metrics, slices, champion against challenger, and whether there is a subject."""

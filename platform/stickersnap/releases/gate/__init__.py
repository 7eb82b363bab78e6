"""The verdict: statistics and rules of the gate, what it judges on, its decisions and an operator's word."""

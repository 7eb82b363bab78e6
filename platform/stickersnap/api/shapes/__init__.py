"""Calls in the form of other services, so that their clients only change a host name. docs/other-tools.md."""

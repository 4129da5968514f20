"""How long a fleet takes, against the theoretical limit and against the usual flow. Run with `python -m tests.benchmark`."""

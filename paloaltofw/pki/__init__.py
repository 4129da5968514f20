"""Pure: X.509, and the proofs."""

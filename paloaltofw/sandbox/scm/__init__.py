"""The simulated Sectigo Certificate Manager."""

"""The client of Sectigo Certificate Manager."""

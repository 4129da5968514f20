"""The simulated firewalls."""

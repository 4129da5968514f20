"""The client of the PAN-OS XML API."""

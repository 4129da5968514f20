"""HTTPS for both clients."""

"""What both simulated systems need: HTTPS, certificate authorities, time."""

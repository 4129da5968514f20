"""A simulated Sectigo Certificate Manager and simulated PAN-OS firewalls on loopback HTTPS."""

"""Pure: what is to be done for a certificate, and why."""

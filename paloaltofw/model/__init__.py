"""Pure data: profiles, settings, records, what a firewall holds."""

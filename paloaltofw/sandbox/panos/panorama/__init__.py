"""A simulated Panorama: templates, template stacks, managed firewalls, pushes (panos.md §6, §7, §9)."""

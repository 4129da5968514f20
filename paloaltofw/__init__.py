"""The Sectigo connector for Palo Alto firewalls."""

__version__ = "1.0.0"

"""Settings: what they are, how they are read from YAML and how they are shown."""

from genlab.config.settings import Settings, parse_override, read_settings, write_settings

__all__ = ["Settings", "parse_override", "read_settings", "write_settings"]

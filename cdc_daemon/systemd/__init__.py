"""The daemon as a service of systemd: its unit, and what the unit lets it reach."""

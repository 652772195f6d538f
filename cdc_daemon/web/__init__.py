"""The daemon's HTTP server: health, metrics and status. Its answers come from `insight`."""

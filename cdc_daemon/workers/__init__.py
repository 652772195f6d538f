"""The daemon's loops, and the modules that they share. Only this package uses both capture and feeds."""

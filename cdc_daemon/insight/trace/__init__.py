"""Where one document stands between its source rows and its receivers, and why."""

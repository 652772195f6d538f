"""What a person is told of routes: reasons, lookups, missing indexes, forecasts."""

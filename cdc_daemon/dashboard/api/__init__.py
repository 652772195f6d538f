"""The JSON twins of pages and forms, and their OpenAPI document."""

PREFIX = "/api/v1"
"""Stands before the path of each view and action. Names and fields below it stay as they are."""

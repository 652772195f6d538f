"""Generates a shop in the tables of Adobe Commerce, to try and measure the commerce feeds."""

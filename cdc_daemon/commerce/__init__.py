"""A shop over the tables of Adobe Commerce, made up: what the commerce feeds are tried and measured with."""

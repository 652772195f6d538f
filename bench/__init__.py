"""The benchmarks of `make bench`.

They measure ratios within one run, on a durable server, by the installed command.
"""

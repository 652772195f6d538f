"""What `make bench` measures: ratios taken in one run, on a durable server, through the installed command."""

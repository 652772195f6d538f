"""`python -m cdc_daemon` is `cdc-daemon`."""

from cdc_daemon.cli import main

if __name__ == "__main__":
    main()

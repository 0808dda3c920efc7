"""Run `optio` as `python -m optio_cli`."""

from optio_cli.main import main

main()

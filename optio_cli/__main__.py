"""`python -m optio_cli` is `optio`."""

from optio_cli.main import main

main()

"""`python -m infra.package`."""

from infra.package.build import main

main()

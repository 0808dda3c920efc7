"""`python -m infra.dev`."""

from infra.dev.dev import main

main()

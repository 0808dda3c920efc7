"""Pages of the documentation that are generated from the code.

Pages that people write do not belong here: they are in `docs`.
May import the app, its records and `infra.dev`; no other package imports this one.
"""

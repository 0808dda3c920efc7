"""Packaging, deployment, the local stack and the checks of this project.

Commands for maintainers and operators belong here; the shipped code (`chalicelib`) imports nothing
of it.
"""

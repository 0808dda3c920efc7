"""Shared parts of the commands: API, configuration, sessions, output, errors, names of things.

Single commands do not belong here.
May import httpx, rich, typer and the domain; neither `commands` nor `files`.
"""

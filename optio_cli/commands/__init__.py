"""The commands of `optio`, one module for each noun or verb.

Talking to the API and printing do not belong here: they are in `core`.
May import `core`, `files` and the domain; `main` puts the commands together.
"""

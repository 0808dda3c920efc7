"""Ticket trackers: the registry, the HTTP that they share, and a client for each.

GitHub issues do not belong here: they are in `integrations.github`.
May import requests, the domain, the ports and `integrations.http`.
"""

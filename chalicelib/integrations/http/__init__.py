"""HTTP to addresses that users name: guarded against internal networks, and bounded.

Clients of one system do not belong here.
May import requests, the domain and the ports.
"""

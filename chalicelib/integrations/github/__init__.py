"""GitHub and GitHub Enterprise Server: repositories, pull requests, issues.

Consequences of a pull request for its run do not belong here.
May import PyGithub, the domain, the ports, `integrations.http` and `integrations.trackers`.
"""

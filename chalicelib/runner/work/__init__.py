"""The agent's work on its way out: snapshot, commits, secret scan, push, bundle, outputs.

Preparing the workspace does not belong here: that is in `repository`.
May import `repository`, `sandbox` and `output`.
"""

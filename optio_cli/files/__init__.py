"""Blueprints as files: documents, variables, and the plan that makes a stage match them.

Printing a plan does not belong here.
May import `core` and the domain.
"""

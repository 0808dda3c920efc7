"""The deployable package: its build, its CloudFormation resources, its pruning.

Deploying it does not belong here: that is in `release`.
May import the app, its settings and its records.
"""

"""A stage in an AWS account: deployed, upgraded, removed, and the commands of its operator.

The contents of the package do not belong here.
May import `package` and botocore.
"""

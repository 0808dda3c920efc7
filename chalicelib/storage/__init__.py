"""Stores behind the ports of the core, in DynamoDB and S3.

Decisions do not belong here: a store reads, writes and names the condition that failed.
May import the domain, the ports, pynamodb and botocore; not `integrations`.
"""

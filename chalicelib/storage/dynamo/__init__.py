"""DynamoDB for every store: connection, transactions, pages, codecs, sizes.

Tables and single stores do not belong here.
May import the domain, the ports, pynamodb and botocore.
"""

"""Stores of webhook endpoints and of their deliveries.

Sending does not belong here.
May import the records, `dynamo` and the claims of this layer.
"""

"""Stores of runs, their slots, the sets that they are in, and the queues that wait for the stage.

Here belongs what moves together with a run in one transaction. Firings and blueprints are beside
this package. It may import the domain, the ports and `storage.dynamo`, like each store.
"""

"""The command line of Optio: everything that the API offers to a person in a terminal.

It speaks HTTPS to a stage and is installed on its own; Lambda never ships it. Of the service's
code it may import the domain only.
"""

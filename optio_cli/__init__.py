"""The command line of Optio: the whole API, for a person in a terminal.

It calls a stage over HTTPS and is installed separately; the Lambda package does not contain it.
Of the service's code it may import only the domain.
"""

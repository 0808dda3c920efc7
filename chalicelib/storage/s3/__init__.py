"""Contents of the stage's bucket: large texts and the files of runs.

Rows do not belong here, nor the keys that point to an object.
May import the domain, the ports and botocore.
"""

"""What surrounds the code: the resources of a stage, its package, the local stack."""

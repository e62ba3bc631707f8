"""Batches on their way in: gather, resolve, commit, then acknowledge."""

"""Linegraph: factory readings in, exact numbers out."""

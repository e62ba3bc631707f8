"""Tests of what may be changed."""

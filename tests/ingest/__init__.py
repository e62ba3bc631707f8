"""Tests of batches on their way in."""

"""Tests of the room `docker`."""

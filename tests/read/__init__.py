"""Tests of the room `app.read`."""

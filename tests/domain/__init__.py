"""Tests of the room `app.domain`."""

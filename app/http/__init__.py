"""Doors: read the request, ask one question, shape the answer."""

"""Mirrors the rooms; tests of the store run under the same ids on every engine that the machine has."""

"""Faults: processes killed in the middle of a load, commits cut short, full disks, servers that may only read."""

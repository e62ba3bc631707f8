"""The demo plant: machines whose signals are functions of time, so that history and live readings agree."""

"""What may be changed, and what must hold first."""

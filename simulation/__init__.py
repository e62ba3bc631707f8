"""A messy plant and its truth: sends what real gateways send, and compares every bucket with plain Python."""

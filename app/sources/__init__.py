"""Wire to batches, one module to a protocol; every decoder is pure."""

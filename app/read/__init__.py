"""What the plant can be asked: many keys in, answers in key order."""

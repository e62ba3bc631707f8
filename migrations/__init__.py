"""The history of the schema, newest last; it imports no living code."""

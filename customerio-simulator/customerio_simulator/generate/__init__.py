"""The generated workspace, kind by kind: each function makes the row of an index."""

"""The catalog and the feeds of the suppliers."""

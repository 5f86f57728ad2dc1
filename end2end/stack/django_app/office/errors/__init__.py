"""Failures of all applications, collected from one queue."""

"""Starts, watches and stops the processes of the stack. Standard library only."""

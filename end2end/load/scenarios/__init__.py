"""What is measured: one module a question, each with `add_arguments` and `run`."""

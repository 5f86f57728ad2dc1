"""Everything the shop sends by e-mail."""

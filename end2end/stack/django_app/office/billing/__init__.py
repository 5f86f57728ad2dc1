"""Invoices and reports."""

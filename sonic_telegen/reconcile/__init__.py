"""Decisions: what is wanted (desired), what to change (plan), what to say (report); loop.py runs one pass of them."""

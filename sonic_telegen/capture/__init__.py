"""Captured frames on their way from a job's ring to a pcapng file, and how long files stay."""

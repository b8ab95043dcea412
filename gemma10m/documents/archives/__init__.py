"""Containers: archives and compressed files to their members."""

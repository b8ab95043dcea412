"""Read containers: archives and compressed files."""

"""One file for each format: its bytes to text, with the places that readers know."""

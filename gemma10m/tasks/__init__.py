"""Write documents with something to remember in them, which training teaches and evaluation asks for."""

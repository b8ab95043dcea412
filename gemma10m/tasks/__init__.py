"""Documents with something to remember in them: what training teaches and evaluation asks."""

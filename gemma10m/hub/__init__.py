"""Downloads from the Hugging Face Hub: listing, choosing, fetching, verifying."""

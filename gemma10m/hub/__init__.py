"""Download from the Hugging Face Hub: list, choose, fetch, verify."""

"""Low-rank updates of a model's weights (LoRA, arXiv 2106.09685): made by training, kept in PEFT's layout."""

"""Public-domain books out of two Debian packages, to train and to measure with."""

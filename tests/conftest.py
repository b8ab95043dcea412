"""Tests run in one process a core: more threads in each would only wait for one another."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

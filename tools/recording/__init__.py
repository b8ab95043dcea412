"""Record the sessions that the guides show: commands, a pseudo-terminal, its screen, and the pages."""

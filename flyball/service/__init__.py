"""The work that goes on without anybody's command: duties, and what drives them."""

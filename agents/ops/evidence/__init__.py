"""Whether the figures of an answer are what the results say that it cites."""

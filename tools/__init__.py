"""What can be done: typed tools, and the one governed path that every action takes."""

"""What waits for a person, and a person's vote on exactly that."""

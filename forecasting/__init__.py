"""What will happen: arithmetic only, numbers in and numbers out."""

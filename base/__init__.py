"""What all packages share: errors, quantities, durations, text. Standard library only."""

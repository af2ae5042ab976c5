"""The tools as an agent sees them: strict schemas out, raw arguments in, a card back."""

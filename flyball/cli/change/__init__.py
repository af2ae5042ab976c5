"""Commands that change: act, undo, approve, deny, pending, and plans on the screen."""

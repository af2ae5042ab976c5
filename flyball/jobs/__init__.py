"""Work that is queued and scheduled, each piece done by one worker at a time: one port, and its adapter on SQLite."""

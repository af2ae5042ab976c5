"""What the tests of several packages share: one noun a module."""

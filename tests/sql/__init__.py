"""The stores' SQL, compiled from their models into modules that are checked in: `./dev sql` writes them again."""

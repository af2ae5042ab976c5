"""Governed reads: screened by names, fetched, recorded, and only then released."""

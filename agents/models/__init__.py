"""Model clients: any OpenAI-compatible endpoint."""

"""Events from plain words: what a model is asked, and what counts as its answer. It declares nothing."""

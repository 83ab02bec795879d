"""Random worlds and random questions: every engine answers as the memory engine does."""

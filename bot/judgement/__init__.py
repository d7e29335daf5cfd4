"""Statistics and ranking: numbers in, verdicts with their evidence out."""

"""Storage remembers: decisions become rows in one commit, and rows become nouns again."""

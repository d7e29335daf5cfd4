"""What the bot knows and decides. Nothing here does I/O, and nothing asks the clock."""

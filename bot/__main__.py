"""`python -m bot`: the doorbell. The one line in `bot` that knows about `handlers`."""

from handlers.cli import main

main()

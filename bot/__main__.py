"""`python -m bot`: the doorbell. The one line in `bot` that knows about `handlers`."""

import gc

gc.disable()  # what is loaded stays: to look for garbage meanwhile is a fifth of the start
from handlers.cli import main  # noqa: E402

gc.freeze()  # and it is never looked through again
gc.enable()

if __name__ == "__main__":
    main()

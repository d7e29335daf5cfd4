"""The HTTP door: hooks in, health and drafts out. Every route is authenticated unless it says otherwise."""

"""A workspace that answers like Slack: its Web API, Socket Mode, and the people in it."""

"""The Web API's methods by family. Importing this package registers them all."""

from sandbox.slack.methods import chat, conversations, files, marks, people, views

__all__ = ["chat", "conversations", "files", "marks", "people", "views"]

"""The way in from Slack: commands, buttons, modals and events, over Socket Mode or HTTP."""

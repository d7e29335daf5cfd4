"""A Kubernetes API server and the controllers behind it, small enough to read."""

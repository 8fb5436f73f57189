"""The fleet's metrics for Prometheus: what they are, where they are read, how they are served."""

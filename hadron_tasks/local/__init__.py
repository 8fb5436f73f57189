"""A whole fleet on one machine: embedded services, the supervisor, and the final account."""

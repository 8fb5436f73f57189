"""Streamers: hold the exchanges' WebSocket connections and push every frame into Redis."""

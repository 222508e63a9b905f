"""HTTP service on 127.0.0.1 and its binary frame stream (``docs/protocol.md``)."""

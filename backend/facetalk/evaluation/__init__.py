"""How good the speech and the head are, in numbers (``docs/measures.md``)."""

"""How good the speech is, in numbers (``docs/measures.md``)."""

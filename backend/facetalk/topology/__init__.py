"""One clean topology for every identity: the template and its landing on the neural surface."""

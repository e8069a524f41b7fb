"""Between the servers and the application: how each keeps an answer that may wait, and loads our code once for all workers."""

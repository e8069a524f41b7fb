"""What operators see and repair. Each step is one transaction with its audit entry, the same for the API and the command line."""

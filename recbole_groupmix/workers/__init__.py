"""Training by other processes, of this machine or of a cluster."""

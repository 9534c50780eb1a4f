"""What `szmass doctor` looks at: the machine, the installation, and a clone's data and runs."""

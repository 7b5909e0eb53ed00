"""Access to the machine: durable files, cache folder, thread pools, memory, devices, ranks, optional packages."""

"""What the machine underneath gives: durable files, cache, threads, memory, devices, processes, optional packages."""

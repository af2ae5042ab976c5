"""What follows from demand: queues, CPU, memory, and the samples that are measured."""

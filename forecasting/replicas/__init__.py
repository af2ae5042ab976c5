"""Recommenders: from measurements to the replicas of a workload. Pure: numbers in, numbers out."""

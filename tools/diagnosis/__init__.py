"""The causes of a workload's state: ranked findings from typed facts, by fixed rules, without a model."""

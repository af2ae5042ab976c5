"""Why a workload is as it is: ranked findings from typed facts, by fixed rules. No model takes part."""

"""The sentinel: looks at what is measured of each workload and says what it foresees. It changes nothing."""

"""What lives on: what to start for a release, and whether it is up. Describes workloads; targets start them."""

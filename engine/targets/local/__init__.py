"""The local target: services and jobs as processes of this machine, without root and without containers.

supervisord keeps one `shim` per workload; the shim keeps the program and writes down what became of it; one `gateway`
gives every deployment its port. What should run is in files, so nothing is lost when any of them is killed.
"""

from engine.targets.local.target import LocalTarget

__all__ = ["LocalTarget"]

"""Programs that run inside environments of their own, as workloads. Nothing here imports the rest of the project.

The server uses those parts of `model_runtime` that never open a model: `reading`, `names`, `scan`, `needs`.
"""

"""What is done with a model, inside the environment of the libraries it was made with.

Imports within are relative, so that the server can use them as `engine.runtimes.model_runtime`, too.
Stand-alone: started as `python -m model_runtime.X` with this folder's parent on PYTHONPATH; Python 3.10 or newer.
`scan` and `needs` use the standard library alone and never open a model: the server's own process may import them.
"""

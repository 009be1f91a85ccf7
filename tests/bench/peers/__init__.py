"""The engines that `tests.bench.engine` sets side by side, each a small program with the same command line.

    python -m tests.bench.peers.NAME COMMAND FOLDER

run from the checkout by the Python of the peer's own environment, so only the standard library is shared (`contract`).
FOLDER is empty and the peer's alone; in the environment BENCH_VARIANT names a setting of the peer, BENCH_REDIS a port.

- `measure`: open, do one three-step run, answer `{"ready": true, …facts}`. Then each line of standard input, `WHAT
  NUMBER`, is prepared untimed, done timed, and answered with `{"seconds": …, "steps": …}`. WHAT is `sequence` (steps
  one after another), `fan` (steps side by side, then a join), `many` (three-step runs at once).
- `once`: a three-step run, from the start of the process to its end.
- `begin`: a run of 400 steps, killed on the way. Each step notes its number in the file BENCH_LINES names.
- `resume`: go on with that run, as its user would after a crash.
- `idle`: start what has to stand there for runs to be possible, answer `{"pids": […]}`, end when standard input does.
"""

"""One installation: its home folder and environment variables, web and engine as its processes, its backup."""

"""Makes the shelf's table, and puts the first things on an empty one: the release command."""

from shelf.store import Shelf

if __name__ == "__main__":
    print(f"{Shelf.from_environment().prepare()} things on the shelf")

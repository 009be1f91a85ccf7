"""The documents of docs/ as pages of the product. Reads files; knows no table."""

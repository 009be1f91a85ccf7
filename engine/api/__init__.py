"""The engine over REST: what the CLI and the SDK do, and nothing a page could not do.

Every view fetches through `people.access`, calls one verb and answers with a serializer.
"""

"""Search over everything a person may see. An index finds candidates; the rows themselves say who may see them.

`sources` declares what is found and by which words, `index` keeps the table current, `finding` asks it, `pages` lists
what is no row. Whoever adds a kind of row adds a `Source`; whoever adds a page of its own adds to `pages.PAGES`.
"""

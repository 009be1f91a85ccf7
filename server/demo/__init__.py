"""`manage.py demo`: the whole thread once in the terminal, on real work, from the example's evidence to a live answer.

`thread` is shared by both personas, `model` and `app` are their own parts; `telling` prints, `traffic` sends requests
meanwhile, `ending` prints how to go on. Evidence, maps and sign-off use the rooms' verbs; everything that runs goes
through the REST API. Where a person has to answer, the script answers in that person's name and says so.
"""

"""The main job: the whole thread, walked once in the terminal on real work, from the example's evidence to an answer.

`thread` is what the walks of both personas share, `model` and `app` are what each adds; `telling` says it, `traffic`
uses what is live meanwhile, `ending` is the last word. Evidence, maps and sign-off are the rooms' own verbs; everything
that runs goes through the API that a terminal or a notebook uses. Where a person has to answer, the script answers in
that person's name and says so.
"""

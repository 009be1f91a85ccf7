"""Ask the index where this person may look, then ask the rows: what of it is there, and which words they may read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import CharField, QuerySet, Value
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.http import urlencode

from lib import searching
from people.models import User
from research.models import Observation
from research.reading import Quote, Reading
from server.search import pages
from server.search.entry import Entry
from server.search.sources import BY_KIND, PARAPHRASE, QUOTE, scopes, seen_by

FEW = 5  # of a kind beside others
COUNTED = 30  # of a kind beside others: more are “30+”
MANY = 100  # of a kind where it is asked for alone: shown, and no more are counted
MOST_CANDIDATES = 5_000  # entries of a kind whose rows are asked for: a question has an end, and SQLite a limit
PAGE = "page"
THEIR_WORDS = (QUOTE, PARAPHRASE)
Asked = Sequence[tuple[list[str], bool]]


@dataclass(frozen=True)
class Hit:
    title: str
    url: str
    about: str = ""


@dataclass(frozen=True)
class Group:
    """What was found of one kind, the newest first."""

    kind: str
    title: str
    hits: tuple[Hit, ...]
    count: int
    more: bool = False  # there are more than were counted

    @property
    def all(self) -> str:
        """“37”, or “100+”."""
        return f"{self.count}+" if self.more else f"{self.count}"

    @property
    def rest(self) -> bool:
        """Whether not all of them are shown."""
        return self.count > len(self.hits) or self.more


def find(user: User, text: str, kind: str = "") -> list[Group]:
    """What this person may see that says every word of the text, by kind; of one kind alone, up to MANY of it."""
    asked = searching.query(text)
    if not asked:
        return []
    kinds = [k for k in BY_KIND if not kind or k == kind or (kind == QUOTE and k == PARAPHRASE)]
    shown, most = (MANY, MANY) if kind else (FEW, COUNTED)
    search = Search(user, asked)
    found = search.newest(kinds, most + 1)
    groups = [_group(user, k, found[k], shown, most) for k in kinds if k not in THEIR_WORDS and found.get(k)]
    if said := [entry for k in THEIR_WORDS for entry in found.get(k, [])]:
        place = next((i for i, g in enumerate(groups) if g.kind in ("team", "persona")), len(groups))
        groups.insert(place, _quotes(search.quotes, said, shown, most))
    if kind in ("", PAGE) and (about := pages.found(user, asked)):
        hits = tuple(Hit(page.title, page.url, page.about) for page in about[:shown])
        groups.append(Group(PAGE, "Pages and help", hits, len(about)))
    return groups


def _group(user: User, kind: str, entries: list[Entry], shown: int, most: int) -> Group:
    live = user.persona.says()["live"] if user.persona else "Live"
    hits = tuple(Hit(entry.title, entry.url, entry.about) for entry in entries[:shown])
    return Group(kind, BY_KIND[kind].group.format(live=live), hits, min(len(entries), most), len(entries) > most)


def _quotes(quotes: dict[str, tuple[Observation, Quote]], entries: list[Entry], shown: int, most: int) -> Group:
    newest = sorted((quotes[entry.object] for entry in entries), key=lambda both: (both[0].made_at, both[0].pk))[::-1]
    hits = tuple(
        Hit(quote.text or str(one.activity), quote.url, f"{quote.who} · {quote.where}") for one, quote in newest[:shown]
    )
    return Group(QUOTE, BY_KIND[QUOTE].group, hits, min(len(newest), most), len(newest) > most)


class Search:
    """One question of one person: the index finds it where they may look, the rows confirm it."""

    def __init__(self, user: User, asked: Asked) -> None:
        self.user, self.reading = user, Reading(user)
        self.scopes = scopes(user, self.reading)
        self.vendor = connection.vendor
        self.words = _words_of_sqlite(asked) if self.vendor == "sqlite" else _words_of_postgres(asked)
        self.quotes: dict[str, tuple[Observation, Quote]] = {}  # what they may read, by the observation's key

    def newest(self, kinds: Iterable[str], most: int) -> dict[str, list[Entry]]:
        """Of each kind the newest `most` that exist for this person.

        An entry may be older than its row. Where such entries took the place of others, more are asked for.
        """
        found: dict[str, list[Entry]] = {}
        wanted = dict.fromkeys(kinds, most)
        while wanted:
            candidates = self._candidates(wanted)
            there = self._existing(candidates)
            found |= {kind: entries[:most] for kind, entries in there.items()}
            wanted = {
                kind: limit * 8 for kind, limit in wanted.items()
                if len(candidates.get(kind, ())) == limit < MOST_CANDIDATES and len(there[kind]) < most
            }  # fmt: skip
        return found

    def _candidates(self, limits: Mapping[str, int]) -> dict[str, list[Entry]]:
        """Entries that say it in a scope of this person, of each kind so many, the newest first."""
        asks: list[tuple[str, str, int]] = []
        for kind, limit in limits.items():
            mine = [f"_{kind}_{scope}" for scope in self.scopes if scope[0] in BY_KIND[kind].readers]
            if mine and self.words:
                either, both = (" OR ", " AND ") if self.vendor == "sqlite" else (" | ", " & ")
                asks.append((kind, f"({either.join(mine)}){both}{self.words}", limit))
        if not asks:
            return {}
        if self.vendor == "sqlite":
            one, values = SQLITE, [value for _, query, limit in asks for value in (query, limit)]
        else:
            one, values = POSTGRES, [v for kind, query, n in asks for v in (kind, kind, query, n, query, n, n)]
        each = " UNION ALL ".join([one] * len(asks))
        sql = f"SELECT id, kind, object, title, about, url FROM server_entry WHERE id IN ({each}) ORDER BY id DESC"  # noqa: S608 - of our own pieces
        found: dict[str, list[Entry]] = {}
        for entry in Entry.objects.raw(sql, values):
            found.setdefault(entry.kind, []).append(entry)
        return found

    def _existing(self, candidates: Mapping[str, list[Entry]]) -> dict[str, list[Entry]]:
        """Those whose rows are there and exist for this person: one query for all kinds, and `Reading` for words."""
        asked: list[QuerySet[Any]] = []
        for kind in candidates.keys() - set(THEIR_WORDS):
            rows = seen_by(self.user, BY_KIND[kind]).filter(pk__in=[entry.object for entry in candidates[kind]])
            named = rows.order_by().annotate(found_kind=Value(kind, CharField()), found_pk=Cast("pk", CharField()))
            asked.append(named.values_list("found_kind", "found_pk"))
        there = set(asked[0].union(*asked[1:], all=True) if len(asked) > 1 else asked[0]) if asked else set()
        there |= self._readable({entry.object for kind in THEIR_WORDS for entry in candidates.get(kind, ())})
        return {kind: [e for e in entries if (kind, e.object) in there] for kind, entries in candidates.items()}

    def _readable(self, pks: Collection[str]) -> set[tuple[str, str]]:
        """Which of these observations this person reads, and in whose words."""
        rows = Observation.objects.visible_to(self.user).for_reading().filter(pk__in=pks) if pks else ()
        both = {str(one.pk): (one, self.reading.quote(one)) for one in rows}
        self.quotes |= {pk: (one, quote) for pk, (one, quote) in both.items() if quote.readable}
        return {(QUOTE if quote.verbatim else PARAPHRASE, pk) for pk, (_, quote) in both.items() if quote.readable}


# How each database asks for the newest of a kind. FTS5 reads them in that order. PostgreSQL's index has none, and what
# matches has to be sorted: a word that many say is looked for among the newest 500 of the kind first. BETWEEN and
# OFFSET 0 keep it from reading the whole table backwards, which it takes for the quicker way.
SQLITE = "SELECT * FROM (SELECT rowid FROM server_entry_words WHERE words MATCH %s ORDER BY rowid DESC LIMIT %s)"
POSTGRES = """(
    WITH recent AS MATERIALIZED (
        SELECT id, vector FROM server_entry WHERE kind BETWEEN %s AND %s ORDER BY kind DESC, id DESC LIMIT 500
    )
    SELECT id FROM (
        (SELECT id FROM recent WHERE vector @@ %s::tsquery ORDER BY id DESC LIMIT %s)
        UNION ALL
        (SELECT id FROM (SELECT id FROM server_entry WHERE vector @@ %s::tsquery OFFSET 0) AS matching
         WHERE 500 = (SELECT count(*) FROM recent) AND id < (SELECT min(id) FROM recent) ORDER BY id DESC LIMIT %s)
    ) AS newest ORDER BY id DESC LIMIT %s
)"""
TERMS = 20  # of one beginning: more of them are left to FTS5


def _words_of_sqlite(asked: Asked) -> str:
    """Tokens have no quotes in them. Empty: a beginning that no entry has."""
    found = []
    for phrase, more in asked:
        *before, last = phrase
        ends = _terms(last) if more else [f'"{last}"']
        phrases = [" + ".join([*(f'"{token}"' for token in before), end]) for end in ends]
        found.append(f"({' OR '.join(phrases)})")
    return "" if "()" in found else " AND ".join(found)


def _terms(beginning: str) -> list[str]:
    """The terms that begin so: FTS5 reads those a page at a time, but all entries of a beginning of more than three."""
    if len(beginning) <= 3:  # it has an index of these
        return [f'"{beginning}" *']
    sql = "SELECT term FROM server_entry_terms WHERE term >= %s AND term < %s LIMIT %s"
    with connection.cursor() as cursor:
        cursor.execute(sql, [beginning, f"{beginning}\U0010ffff", TERMS + 1])
        terms = [f'"{term}"' for (term,) in cursor.fetchall()]
    return terms if len(terms) <= TERMS else [f'"{beginning}" *']


def _words_of_postgres(asked: Asked) -> str:
    return " & ".join(
        "(" + " <-> ".join([*(f"'{t}'" for t in phrase[:-1]), f"'{phrase[-1]}'{':*' if more else ''}"]) + ")"
        for phrase, more in asked
    )


def address(text: str, kind: str = "") -> str:
    """The page with these results."""
    return f"{reverse('search')}?{urlencode({'q': text, **({'in': kind} if kind else {})})}"

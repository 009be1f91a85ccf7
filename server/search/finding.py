"""Ask the index, then ask the rows: what of it exists for this person, and which words they may read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import CharField, Count, QuerySet, Value
from django.db.models.functions import Cast
from django.urls import reverse
from django.utils.http import urlencode

from lib import searching
from people.models import User
from research.models import Observation, Participant
from research.models.study import ENOUGH
from research.reading import Reading
from server.search import pages
from server.search.entry import Entry
from server.search.sources import BY_KIND, PARAPHRASE, QUOTE, scopes, seen_by

FEW = 5  # of a kind beside others
COUNTED = 30  # of a kind beside others: more are “30+”
MANY = 100  # of a kind where it is asked for alone: shown, and no more are counted
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
    shown_at_most, most = (MANY, MANY) if kind else (FEW, COUNTED)
    candidates = _candidates(user, asked, kinds, most) if kinds else {}
    shown = _existing(user, {k: v for k, v in candidates.items() if k not in THEIR_WORDS})
    groups = [_group(user, k, shown[k], shown_at_most, most) for k in kinds if shown.get(k)]
    if any(candidates.get(k) for k in THEIR_WORDS):
        place = next((i for i, g in enumerate(groups) if g.kind in ("team", "persona")), len(groups))
        groups[place:place] = _quotes(user, candidates, shown_at_most, most)
    if kind in ("", PAGE) and (found := pages.found(user, asked)):
        hits = tuple(Hit(page.title, page.url, page.about) for page in found[:shown_at_most])
        groups.append(Group(PAGE, "Pages and help", hits, len(found)))
    return groups


def _group(user: User, kind: str, entries: list[Entry], shown: int, most: int) -> Group:
    live = user.persona.says()["live"] if user.persona else "Live"
    hits = tuple(Hit(entry.title, entry.url, entry.about) for entry in entries[:shown])
    return Group(kind, BY_KIND[kind].group.format(live=live), hits, min(len(entries), most), len(entries) > most)


def _candidates(user: User, asked: Asked, kinds: Iterable[str], most: int) -> dict[str, list[Entry]]:
    """Entries that say it and that this person may look for, of each kind the newest `most` and one."""
    mine = scopes(user)
    readers = {kind: [one for one in mine if one[:2] in BY_KIND[kind].readers] for kind in kinds}
    ask = _sqlite if connection.vendor == "sqlite" else _postgres
    one, asks = ask({kind: some for kind, some in readers.items() if some}, asked)
    if not asks:
        return {}
    each = " UNION ALL ".join([one] * len(asks))
    values = [value for match in asks for value in (match, most + 1)]
    sql = f"SELECT id, kind, object, title, about, url FROM server_entry WHERE id IN ({each}) ORDER BY id DESC"  # noqa: S608 - of our own pieces
    found: dict[str, list[Entry]] = {}
    for entry in Entry.objects.raw(sql, values):
        found.setdefault(entry.kind, []).append(entry)
    return found


def _sqlite(readers: dict[str, list[str]], asked: Asked) -> tuple[str, list[str]]:
    """A query for the numbers of entries of a kind, and what each kind is asked. Tokens have no quotes in them."""
    words = " AND ".join(f'"{" ".join(phrase)}"{" *" if more else ""}' for phrase, more in asked)
    one = "SELECT * FROM (SELECT rowid FROM server_entry_words WHERE words MATCH %s ORDER BY rowid DESC LIMIT %s)"
    quoted = {kind: " OR ".join(f'"{one}"' for one in some) for kind, some in readers.items()}
    return one, [f'"_{kind}" AND ({allowed}) AND {words}' for kind, allowed in quoted.items()]


def _postgres(readers: dict[str, list[str]], asked: Asked) -> tuple[str, list[str]]:
    words = " & ".join(
        "(" + " <-> ".join([*(f"'{t}'" for t in phrase[:-1]), f"'{phrase[-1]}'{':*' if more else ''}"]) + ")"
        for phrase, more in asked
    )
    one = "(SELECT id FROM server_entry WHERE vector @@ %s::tsquery ORDER BY id DESC LIMIT %s)"
    quoted = {kind: " | ".join(f"'{one}'" for one in some) for kind, some in readers.items()}
    return one, [f"'_{kind}' & ({allowed}) & {words}" for kind, allowed in quoted.items()]


def _existing(user: User, candidates: dict[str, list[Entry]]) -> dict[str, list[Entry]]:
    """Those whose rows are there and exist for this person: one query for all kinds."""
    asked: list[QuerySet[Any]] = []
    for kind, entries in candidates.items():
        rows = seen_by(user, BY_KIND[kind]).filter(pk__in=[entry.object for entry in entries]).order_by()
        named = rows.annotate(found_kind=Value(kind, CharField()), found_pk=Cast("pk", CharField()))
        asked.append(named.values_list("found_kind", "found_pk"))
    if not asked:
        return {}
    there = set(asked[0].union(*asked[1:], all=True) if len(asked) > 1 else asked[0])
    return {kind: [e for e in entries if (kind, e.object) in there] for kind, entries in candidates.items()}


def _quotes(user: User, candidates: dict[str, list[Entry]], shown: int, most: int) -> list[Group]:
    """Words as this person may read them. A word that was found in what they may not read shows nothing of it."""
    as_said = {entry.object for entry in candidates.get(QUOTE, [])}
    paraphrased = {entry.object for entry in candidates.get(PARAPHRASE, [])}
    rows = Observation.objects.visible_to(user).for_reading().filter(pk__in=as_said | paraphrased)
    found = list(rows.order_by("-made_at", "-pk"))
    reading = Reading(user)
    _count_people(reading, found)
    hits: list[Hit] = []
    for one in found:
        quote = reading.quote(one)
        if (quote.verbatim and str(one.pk) in as_said) or (quote.state == "paraphrase" and str(one.pk) in paraphrased):
            hits.append(Hit(quote.text or str(one.activity), quote.url, f"{quote.who} · {quote.where}"))
    more = max(map(len, (candidates.get(kind, []) for kind in THEIR_WORDS))) > most
    if not hits:
        return []
    return [Group(QUOTE, BY_KIND[QUOTE].group, tuple(hits[:shown]), min(len(hits), most), more)]


def _count_people(reading: Reading, found: Iterable[Observation]) -> None:
    """Say of all studies at once whether too few took part: `Reading` would ask for each."""
    studies = {one.session.study_id for one in found}
    if studies:
        rows = Participant.objects.filter(study__in=studies).order_by().values_list("study").annotate(n=Count("pk"))
        reading.few |= dict.fromkeys(studies, True) | {pk: n < ENOUGH for pk, n in rows}


def address(text: str, kind: str = "") -> str:
    """The page with these results."""
    return f"{reverse('search')}?{urlencode({'q': text, **({'in': kind} if kind else {})})}"

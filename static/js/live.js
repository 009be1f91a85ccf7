// The live log. One box has the focus; Enter keeps what is in it, on this device first and then on the server.
// An entry is shown when the device has it, and typing never waits for the network.

import {
  ask,
  changes,
  check,
  keep,
  keepStop,
  ofSession,
  onAnswer,
  onChange,
  picked,
  send,
  stopOf,
  unsent,
  uuid7,
  why,
} from "./outbox.js";
import { toast } from "./desirepath.js";

const facts = JSON.parse(document.querySelector("#facts").textContent);
const skew = facts.now - Date.now(); // by how much the server's clock is ahead of this one
const now = () => Math.max(0, Math.round(Date.now() + skew - facts.began));
const $ = (id) => document.getElementById(id);
const [box, list, stamp, sort, keys] = ["box", "entries", "stamp", "sort", "keys"].map($);

const KINDS = { does: "Does", says: "Says", waits: "Waits", rework: "Rework", pain: "Pain", note: "Note" };
const PREFIX = { '"': "says", "“": "says", "„": "says", "!": "pain", "?": "note" };
const LONGEST = 10000; // characters, as Observation.text
const JUMP = { "/": "activity", "#": "case", "@": "person" };

const entries = new Map(); // id → entry as the device has it
const rows = new Map(); // id → its line on the page
let person = facts.participants[0].number;
let place = facts.case;
let began = null; // when the first key of this entry was pressed
let chosen = null; // the entry that the arrow keys went back to
let editing = null; // the entry that is changed in the box, as it was when that began
let stopped = false;
const done = []; // what Ctrl Z takes back: lists of [id, entry before, entry after]
const undone = [];

export const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const going = (kind) =>
  [...entries.values()].find(
    (entry) => entry.going && entry.kind === kind && !entry.removed && entry.participant === person,
  );
const activity = () => going("does")?.activity ?? null;

// ---- keeping ----

let keeping = 0; // entries on their way to the device's disk
function busy(by) {
  keeping += by;
  list.setAttribute("aria-busy", String(keeping > 0));
}

async function commit(after, remember = true) {
  const step = after.map((entry) => [entry.id, entries.get(entry.id) ?? null, entry]);
  const newer = after.map((entry) => ({
    ...entry,
    session: facts.session,
    pending: 1,
    revision: (entries.get(entry.id)?.revision ?? 0) + 1,
  }));
  for (const entry of newer) entries.set(entry.id, entry); // so that the next key already builds on it
  if (remember) {
    done.push(step);
    undone.length = 0;
  }
  busy(+1);
  try {
    await keep(newer);
  } catch (error) {
    for (const [id, before] of step) before ? entries.set(id, before) : entries.delete(id);
    if (remember) done.splice(done.indexOf(step), 1);
    toast(`This device could not keep it (${error.name}). Write it on paper, and free some space.`, { error: true });
    return false;
  } finally {
    busy(-1);
  }
  showAll(newer);
  drawKeys();
  return true;
}

const make = (kind, fields) => ({
  id: uuid7(),
  at: began ?? now(),
  until: null,
  going: false,
  kind,
  source: kind === "says" ? "said" : facts.source,
  text: "",
  quote: kind === "says",
  marked: false,
  activity: activity(),
  participant: person,
  case: place,
  removed: false,
  stored: null,
  ...fields,
});

function ended(entry, at) {
  return { ...entry, going: false, until: Math.max(at, entry.at) };
}

function start(name) {
  const at = now();
  const running = going("does");
  const step = running ? [ended(running, at)] : [];
  if (running?.activity !== name) step.push(make("does", { at, activity: name, going: true }));
  if (!facts.activities.some((known) => known.toLowerCase() === name.toLowerCase())) facts.activities.push(name);
  return commit(step);
}

function wait() {
  const waiting = going("waits");
  return commit([waiting ? ended(waiting, now()) : make("waits", { at: now(), going: true })]);
}

// Names are matched by how they begin, so that "/mat" is enough.
function named(names, text) {
  const low = text.toLowerCase();
  return (
    names.find((name) => name.toLowerCase() === low) ??
    names.find((name) => name.toLowerCase().startsWith(low)) ??
    names.find((name) => name.toLowerCase().includes(low))
  );
}

// Whether it was found; who types on after @P2 says so of that person.
function jump(what, text) {
  if (what === "activity") {
    start(named(facts.activities, text) ?? text);
    return true;
  }
  if (what === "case") {
    place = named(facts.cases, text) ?? text;
    if (!facts.cases.includes(place)) facts.cases.push(place);
  } else {
    const [, digits, words] = text.match(/^p?(\d+)(?:\s+(.+))?$/is) ?? [];
    const number = Number(digits);
    if (!facts.participants.some((one) => one.number === number)) {
      const said = digits ? `P${number} is not in this session.` : `“@${text}” names nobody: write @P2.`;
      toast(`${said} Consent comes first: people are added on the session's page.`, { error: true });
      return false;
    }
    person = number;
    if (words) write(words);
  }
  drawKeys();
  return true;
}

function log() {
  const text = box.value.trim();
  const at = began;
  const was = editing;
  if (text.length > LONGEST) {
    toast(`An entry has at most ${LONGEST.toLocaleString("en")} characters; this one has ${text.length}. Log it in parts.`, {
      error: true,
    });
    return;
  }
  clear();
  if (was) {
    const [kind, words] = read(text);
    // What somebody else wrote since the box was opened is not what these words were made from.
    const now = entries.get(was.id) ?? was;
    const from = changes(was, now).includes("text") ? { ...was } : now;
    if (words && now.removed) toast("Somebody removed this entry meanwhile. With what you wrote it is there again.");
    if (words)
      commit([
        {
          ...from,
          text: words,
          removed: false,
          ...(kind ? { kind, quote: kind === "says", source: kind === "says" ? "said" : from.source } : {}),
        },
      ]);
    return;
  }
  if (!text) return;
  if (JUMP[text[0]] && text.length > 1) {
    if (!jump(JUMP[text[0]], text.slice(1).trim())) again(text);
    return;
  }
  write(text, at);
}

function write(text, at = null) {
  const [kind, words] = read(text);
  if (words)
    commit([make(kind ?? "does", { at: at ?? now(), text: words })]).then((kept) => {
      if (!kept) again(text);
    });
}

// What could not be logged is in the box again, unless somebody types there already.
function again(text) {
  if (box.value) return;
  box.value = text;
  type();
}

const read = (text) =>
  PREFIX[text[0]]
    ? [
        PREFIX[text[0]],
        text
          .slice(1)
          .replace(/["”“]$/, "")
          .trim(),
      ]
    : [null, text];

function clear() {
  box.value = "";
  began = null;
  editing = null;
  choose(null);
  type();
}

// ---- taking back ----

function back(from, to, which) {
  const step = from.pop();
  if (!step) return;
  to.push(step);
  commit(
    step.map(([id, before, after]) => {
      const now = entries.get(id);
      const gone = { ...now, removed: true, going: false };
      const [from, to] = which === "before" ? [after, before ?? gone] : [before ?? gone, after];
      // Only what this step did: what somebody else has changed since is left alone.
      const names = before ? changes(from, to).filter((name) => now[name] === from[name]) : ["removed", "going"];
      return { ...now, ...Object.fromEntries(names.map((name) => [name, to[name]])) };
    }),
    false,
  );
}

// ---- showing ----

function line(entry) {
  const row = document.createElement("li");
  row.dataset.id = entry.id;
  for (const name of ["at mono", "activity", "what", "aside"]) {
    const part = document.createElement("span");
    part.className = name;
    row.append(part);
  }
  return row;
}

function fill(row, entry) {
  const [at, doing, what, aside] = row.children;
  const begins = !entry.text && entry.kind === "does";
  row.className = `kind-${entry.kind}${begins ? " start" : ""}${entry.id === chosen ? " chosen" : ""}`;
  at.textContent = clock(entry.at);
  doing.textContent = entry.activity ?? "";
  const label = entry.kind === "does" ? "" : entry.text ? `${KINDS[entry.kind]}: ` : KINDS[entry.kind];
  what.dir = "auto";
  what.textContent = entry.quote
    ? `“${entry.text}”`
    : entry.kind === "says"
      ? entry.text
      : label + entry.text + (begins && !entry.text ? "begins" : "");
  const notes = [];
  if (entry.refused) notes.push("on this device only");
  if (entry.marked) notes.push("★ marked");
  if (entry.until !== null && !entry.going) notes.push(`${Math.max(1, Math.round((entry.until - entry.at) / 1000))} s`);
  if (facts.participants.length > 1) notes.push(`P${entry.participant}`);
  if (entry.case && entry.case !== facts.case) notes.push(entry.case);
  aside.textContent = notes.join(" · ");
}

function show(entry) {
  let row = rows.get(entry.id);
  if (entry.removed) {
    row?.remove();
    rows.delete(entry.id);
    return;
  }
  if (!row) {
    row = line(entry);
    rows.set(entry.id, row);
  }
  fill(row, entry);
  if (!row.isConnected || Number(row.dataset.at) !== entry.at) put(row, entry);
}

// Whoever reads further up is not torn away; whoever is at the end stays there. Asked once for many entries,
// because asking makes the browser lay the page out.
function showAll(found) {
  const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  if (found.length) list.querySelector(".hollow")?.remove();
  for (const entry of found) show(entry);
  if (follow) toEnd();
}

// A line that was never in sight has an estimated height: what is asked for is the last one, again when it is known.
function toEnd() {
  list.lastElementChild?.scrollIntoView({ block: "end" });
  requestAnimationFrame(() => list.lastElementChild?.scrollIntoView({ block: "end" }));
}

// Nearly always at the end, so look from there.
function put(row, entry) {
  row.dataset.at = entry.at;
  row.remove();
  let after = list.lastElementChild;
  while (after && Number(after.dataset.at) > entry.at) after = after.previousElementSibling;
  after ? after.after(row) : list.prepend(row);
}

function drawKeys() {
  const running = activity();
  keys.replaceChildren(
    ...facts.activities
      .slice(0, 8)
      .map((name, place) => button(`F${place + 1}`, name, name === running, () => start(name))),
  );
  if (running && !facts.activities.slice(0, 8).includes(running))
    keys.append(button("", running, true, () => start(running)));
  keys.append(
    button("F9", "Waits", Boolean(going("waits")), wait),
    button("F10", "Rework", false, () => commit([make("rework", { at: now() })])),
  );
  if (!facts.activities.length)
    keys.prepend(
      Object.assign(document.createElement("span"), {
        className: "hint",
        textContent: "Type /name to begin an activity; it gets a key of its own.",
      }),
    );
  const one = facts.participants.find((known) => known.number === person);
  $("who").textContent = [one?.name, place].filter(Boolean).join(" · ");
}

function button(key, name, pressed, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.tabIndex = -1;
  made.setAttribute("aria-pressed", String(pressed));
  if (key) {
    made.append(Object.assign(document.createElement("kbd"), { textContent: key }));
    made.setAttribute("aria-keyshortcuts", key);
  }
  made.append(name);
  made.addEventListener("click", () => {
    act();
    box.focus();
  });
  return made;
}

function type() {
  const first = box.value[0];
  sort.textContent = editing
    ? "Change"
    : PREFIX[first]
      ? KINDS[PREFIX[first]]
      : JUMP[first]
        ? { activity: "Activity", case: "Case", person: "Who" }[JUMP[first]]
        : "Does";
}

// ---- going back ----

function choose(id) {
  const before = chosen;
  chosen = id;
  for (const each of [before, id]) if (each && rows.has(each)) fill(rows.get(each), entries.get(each));
  rows.get(id)?.scrollIntoView({ block: "nearest" });
}

// From what is kept and not from the page, which may be a moment behind a fast hand.
const order = () =>
  [...entries.values()]
    .filter((entry) => !entry.removed)
    .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
    .map((entry) => entry.id);

function move(by) {
  const all = order();
  if (!all.length) return;
  const to = (chosen ? all.indexOf(chosen) : all.length) + by;
  choose(to >= all.length ? null : all[Math.max(0, to)]);
}

const last = () => order().at(-1);

function shift(seconds) {
  const entry = entries.get(chosen ?? last());
  if (!entry) return;
  const at = Math.max(0, entry.at + seconds * 1000);
  commit([{ ...entry, at, until: entry.until === null ? null : Math.max(at, entry.until) }]);
}

function mark() {
  const entry = entries.get(chosen ?? last());
  if (entry) commit([{ ...entry, marked: !entry.marked }]);
}

function edit() {
  const entry = entries.get(chosen);
  editing = entry;
  box.value =
    (entry.kind === "says" ? '"' : entry.kind === "pain" ? "!" : entry.kind === "note" ? "?" : "") + entry.text;
  began = entry.at;
  type();
}

// ---- stopping ----

async function stop() {
  if (stopped) return;
  if (box.value.trim()) log();
  stopped = true;
  const at = now();
  const open = [...entries.values()].filter((entry) => entry.going && !entry.removed);
  if (open.length) await commit(open.map((entry) => ended(entry, at)));
  await keepStop(facts.session, at);
  box.disabled = true;
  await leave();
}

async function leave() {
  $("state").textContent = "Stopped";
  $("state").className = "state idle";
  await send();
  await send(); // what was kept while the first one was under way
  if (!(await unsent()) && !(await stopOf(facts.session))) location.href = facts.review;
  else {
    $("unsent").textContent =
      "Stopped. It is told to the server as soon as it can be reached; you may close this page.";
    setTimeout(leave, 3000);
  }
}

// ---- keys ----

const empty = () => box.value === "" && !editing;
const ACTS = [
  [
    (e) => /^F[1-8]$/.test(e.key) && !e.ctrlKey && !e.altKey,
    (e) => {
      const name = facts.activities[Number(e.key.slice(1)) - 1];
      if (name) start(name);
    },
  ],
  [(e) => e.key === "F9", wait],
  [(e) => e.key === "F10", () => commit([make("rework", { at: now() })])],
  [(e) => e.ctrlKey && !e.shiftKey && e.key.toLowerCase() === "z" && empty(), () => back(done, undone, "before")],
  [
    (e) => e.ctrlKey && (e.key.toLowerCase() === "y" || (e.shiftKey && e.key.toLowerCase() === "z")) && empty(),
    () => back(undone, done, "after"),
  ],
  [(e) => e.ctrlKey && e.key.toLowerCase() === "m", mark],
  [(e) => e.ctrlKey && e.key === ".", stop],
  [(e) => e.ctrlKey && e.key === "ArrowLeft" && empty(), (e) => shift(e.shiftKey ? -10 : -1)],
  [(e) => e.ctrlKey && e.key === "ArrowRight" && empty(), (e) => shift(e.shiftKey ? 10 : 1)],
  [(e) => e.key === "ArrowUp" && empty(), () => move(-1)],
  [(e) => e.key === "ArrowDown" && empty(), () => move(1)],
  [
    (e) => e.key === "Delete" && chosen && empty(),
    () => {
      const id = chosen;
      move(-1);
      commit([{ ...entries.get(id), removed: true, going: false }]);
    },
  ],
  [(e) => e.key === "Enter" && !e.shiftKey && !e.isComposing && chosen && empty(), edit],
  [(e) => e.key === "Enter" && !e.shiftKey && !e.isComposing && (e.target === box || e.target === document.body), log],
  [(e) => e.key === "Escape" && (chosen || editing), clear],
];

document.addEventListener("keydown", (event) => {
  if (stopped || event.target.closest("dialog, .bar, #toasts")) return;
  const found = ACTS.find(([when]) => when(event));
  if (found) {
    event.preventDefault();
    found[1](event);
    return;
  }
  // The time of an entry is that of its first key, not of Enter.
  if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) {
    if (document.activeElement !== box && !event.target.matches("button, a, input, select")) box.focus();
    if (document.activeElement === box) began ??= now();
  }
});
box.addEventListener("input", () => {
  if (!box.value && !editing) began = null;
  else began ??= now();
  type();
});
$("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  log();
  box.focus();
});
$("stop").addEventListener("click", stop);
document.addEventListener("click", (event) => {
  const row = event.target.closest("#entries li[data-id]");
  if (row) choose(row.dataset.id);
  if (!event.target.closest("a, button, input, select, summary, textarea") && !String(getSelection())) box.focus();
});

// ---- beginning ----

onChange((count, trouble, refused) => {
  if (stopped) return;
  $("unsent").className = count ? "state waiting" : refused ? "state failed" : "state done";
  if (count) $("unsent").textContent = `${count} on this device only. ${trouble}`.trim();
  else $("unsent").textContent = refused ? `${refused} refused, on this device only` : "All on the server";
});
setInterval(() => {
  if (!stopped) {
    $("clock").textContent = clock(now());
    stamp.textContent = clock(began ?? now());
  }
}, 250);

async function fetched(since) {
  const entries = `/api/research/sessions/${facts.session}/observations/`;
  const answer = await ask("GET", since ? `${entries}?since=${since}` : entries);
  const refused = check(answer);
  if (refused) throw new Error(refused);
  return answer.said;
}

// The newer revision of two is the entry, wherever it was kept. One that this device has not sent yet stays as it is
// here: what becomes of both is found when it is sent.
function take(found) {
  const newer = found.filter(({ id, revision }) => {
    const mine = entries.get(id);
    return !mine || (!mine.pending && mine.revision < revision);
  });
  for (const entry of newer) entries.set(entry.id, { ...entry, session: facts.session });
  showAll(newer);
}

// One that changed here while it was on its way only learns what the server has.
onAnswer(({ found, over, ours: alone }) => {
  const ours = found.filter((entry) => entry.session === facts.session);
  for (const entry of ours) {
    const mine = entries.get(entry.id);
    entries.set(entry.id, mine?.revision > over ? { ...mine, stored: alone ? entry.stored : mine.stored } : entry);
  }
  showAll(ours.map((entry) => entries.get(entry.id)));
  drawKeys();
});

const OVERLAP = 30000; // ms: what was changed before the last question may have been committed after it
let seen = 0; // the server's time of the last question that was answered
async function others() {
  const asked = Date.now() + skew;
  take((await fetched(seen)).map((entry) => ({ ...entry, stored: picked(entry) })));
  seen = asked - OVERLAP;
}

async function begin() {
  take(
    (await ofSession(facts.session)).map((entry) => ({
      ...entry,
      stored: entry.pending ? entry.stored : (entry.stored ?? picked(entry)),
    })),
  );
  drawKeys();
  if (await stopOf(facts.session)) {
    stopped = true;
    box.disabled = true;
    await leave();
    return;
  }
  // Nothing typed or kept waits for the first answer.
  box.focus();
  send();
  try {
    await others();
  } catch (error) {
    toast(`${why(error)} What you log stays on this device until the server has it.`);
  }
  if (!list.children.length)
    list.append(
      Object.assign(document.createElement("li"), {
        className: "hollow",
        textContent: "The clock runs. Type what you see and press Enter.",
      }),
    );
  toEnd();
  drawKeys();
  setInterval(
    () =>
      others().catch(() => {
        /* offline: the next question asks for this time too */
      }),
    20000,
  );
  $("entry").dataset.ready = "yes";
}
begin();

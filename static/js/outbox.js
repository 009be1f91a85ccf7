// What was logged stays on this device until the server has it. Every page sends what is left; nothing is sent twice
// with a different result, because an entry carries its own name and revision, and in `stored` what the server had when
// it was changed here: null for one that is new. What somebody else made of it meanwhile is neither overwritten nor lost.

const { openDB } = window.idb;
export const user = Number(document.body.dataset.user || 0);

const db = openDB("desirepath", 1, {
  upgrade(db) {
    const entries = db.createObjectStore("entries", { keyPath: "id" });
    entries.createIndex("session", "session");
    entries.createIndex("pending", "pending"); // 1 until the server has this revision
    db.createObjectStore("stops", { keyPath: "session" });
  },
});

export function uuid7() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let now = Date.now();
  for (let i = 5; i >= 0; i--) {
    bytes[i] = now & 0xff;
    now = Math.floor(now / 256);
  }
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const listeners = new Set();
export const onChange = (listener) => listeners.add(listener);
let trouble = ""; // why the last attempt did not get through, in words
let asked = 0;
async function changed() {
  const mine = ++asked;
  const kept = await ours();
  if (mine !== asked) return; // somebody counts since: an older count must not be told after a newer one
  const refused = kept.filter((entry) => entry.refused).length;
  for (const listener of listeners) listener(kept.length - refused, trouble, refused);
}

// What became of an entry is told to every page of this person: { found, over, ours, said }, where `over` is the
// revision that `found` stands for, `ours` says that nobody else had a part in it, and `said` is for the person to read;
// when it is `passing`, it need not wait for them.
const hearers = new Set();
export const onAnswer = (hearer) => hearers.add(hearer);
const pages = new BroadcastChannel("desirepath-outbox");
async function hear(news) {
  if (news.user !== user) return;
  for (const hearer of hearers) hearer(news);
  // An error stays until it is closed.
  if (news.said) (await import("./desirepath.js")).toast(news.said, { error: !news.passing });
}
pages.addEventListener("message", (event) => hear(event.data));
function tell(news) {
  pages.postMessage({ ...news, user });
  hear({ ...news, user });
}

// All of them or none: an activity that ends and the next one that begins are one thing.
// "strict" waits until the disk has it, not only the browser.
export async function keep(entries) {
  const tx = (await db).transaction("entries", "readwrite", { durability: "strict" });
  for (const entry of entries) tx.store.put({ ...entry, user, pending: 1, refused: undefined });
  await tx.done;
  changed();
  send();
}

export async function keepStop(session, at) {
  const tx = (await db).transaction("stops", "readwrite", { durability: "strict" });
  tx.store.put({ session, at, user });
  await tx.done;
}

export const ofSession = async (session) =>
  (await (await db).getAllFromIndex("entries", "session", session)).filter((entry) => entry.user === user);
export const stopOf = async (session) => (await db).get("stops", session);

async function ours() {
  const pending = await (await db).getAllFromIndex("entries", "pending", 1);
  return pending.filter((entry) => entry.user === user);
}

export const unsent = async () => (await ours()).filter((entry) => !entry.refused).length;

function cookie(name) {
  return (
    document.cookie
      .split("; ")
      .find((part) => part.startsWith(`${name}=`))
      ?.slice(name.length + 1) ?? ""
  );
}

const PATIENCE = 15000; // ms: what gets no answer is asked again, not waited for

// The answer as far as it can be read: { ok, status, said }, where `said` is null if it is not JSON.
export async function ask(method, url, body) {
  const response = await fetch(url, {
    method,
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE),
    redirect: "error",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/json",
      "X-CSRFToken": cookie("desirepath_csrf"),
    },
  });
  const text = await response.text();
  let said = null;
  try {
    said = JSON.parse(text);
  } catch {
    /* not JSON */
  }
  return { ok: response.ok, status: response.status, said };
}

class Later extends Error {}
export const why = (error) => (error instanceof Later ? error.message : "The server cannot be reached.");

// Why the server refused, in words; undefined when it did not. Throws what can be tried again later.
export function check({ ok, status, said }) {
  if (ok) return undefined;
  if (status === 401 || status === 403) throw new Later("Sign in again to send it.");
  if (status >= 500 || status === 429 || status === 408) throw new Later("The server has trouble; it is tried again.");
  return said?.errors?.map((error) => error.detail).join(" ") || `The server refused it (${status}).`;
}

const SAYS = ["text", "kind", "source", "quote"]; // what it says: of these nobody's half goes with another's
const TELLS = ["at", "until", "going", ...SAYS, "marked", "activity", "participant", "case", "removed"];
const FIELDS = [...TELLS, "revision"];
export const picked = (entry) => Object.fromEntries(FIELDS.map((name) => [name, entry[name]]));
export const changes = (from, to) => TELLS.filter((name) => from[name] !== to[name]);
const same = (one, other) => !changes(one, other).length;
const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
const quoted = (text) => `“${text.length > 120 ? `${text.slice(0, 120)}…` : text}”`;

// What was changed here goes on top of what somebody else made of the entry. Where both changed the same, theirs stays,
// and what was written here becomes an entry of its own: `apart`. Who changes words wins over who removes them.
function joined(base, mine, theirs) {
  const [here, there] = [mine, theirs].map((one) => new Set(base ? changes(base, one) : TELLS));
  const clash = here.has("text") && there.has("text") && mine.text !== theirs.text;
  const both = picked(theirs);
  for (const name of here) if (!there.has(name) && !(clash && SAYS.includes(name))) both[name] = mine[name];
  if (both.until !== null) both.until = Math.max(both.at, both.until);
  const [at, words] = [clock(theirs.at), quoted(theirs.text)];
  if (clash && mine.text && !mine.removed) {
    const said =
      `Somebody else changed the entry at ${at} while you did. It says what they wrote: ${words}. ` +
      `What you wrote is an entry of its own beside it: ${quoted(mine.text)}.`;
    return {
      both,
      apart: { ...picked(mine), id: uuid7(), until: null, going: false, revision: 1, stored: null },
      said,
    };
  }
  if (both.removed && here.has("removed") && there.has("text")) {
    return {
      both: { ...both, removed: false },
      said: `Somebody else changed the entry at ${at} while you removed it. It is still there and says: ${words}.`,
    };
  }
  if (both.removed && there.has("removed") && here.has("text")) {
    return {
      both: { ...both, removed: false },
      said: `Somebody else removed the entry at ${at} while you changed it. It is there again, with what you wrote.`,
    };
  }
  const lost = [...here].some((name) => both[name] !== mine[name]);
  const end = both.removed
    ? "It is removed."
    : lost
      ? "Where both changed the same, theirs stays."
      : "It has both changes.";
  return { both, said: `Somebody else changed the entry at ${at} while you did. ${end}`, passing: true };
}

const sent = new Map(); // id → what went out last: the server may have it although no answer came

function remember(id, body) {
  const before = sent.get(id) ?? [];
  sent.set(id, [...before, body].slice(-4));
  return before;
}

// What this device has of an entry from now on, when the server has answered `answer` to `body`; `now` is what the
// device has by now, which may be newer than what was sent.
function settled(now, body, before, answer) {
  const ours = answer.kept || same(answer, body);
  if (ours || before.some((one) => one.revision === answer.revision && same(answer, one))) {
    const stored = { ...picked(answer.kept ? body : answer), revision: answer.revision };
    const pending = ours && now.revision === body.revision ? 0 : 1; // changed while it was on its way
    return {
      found: [{ ...now, stored, pending, revision: Math.max(now.revision, answer.revision + pending) }],
      ours: true,
    };
  }
  if (answer.participant === null) {
    const refused =
      `The entry at ${clock(now.at)} was changed on the server, and you may not read it any more. ` +
      "Yours stays on this device.";
    return { found: [{ ...now, pending: 1, refused }], said: refused };
  }
  // The first revision is always our own; of a later one, somebody else may have made it from what we sent first.
  const base = now.stored ?? (answer.revision === 1 ? answer : (before[0] ?? null));
  const { both, apart, said, passing } = joined(base, now, answer);
  const pending = same(both, answer) ? 0 : 1;
  const revision = pending ? Math.max(now.revision, answer.revision) + 1 : answer.revision;
  const found = [{ ...now, ...both, revision, stored: picked(answer), pending }];
  if (apart) found.push({ ...apart, session: now.session, user, pending: 1 });
  return { found, said, passing };
}

async function sendEntry(entry) {
  const body = picked(entry);
  if (entry.stored !== undefined) body.base = entry.stored?.revision ?? 0; // kept by an older page: it is not known
  const before = remember(entry.id, body);
  const answer = await ask("PUT", `/api/research/sessions/${entry.session}/observations/${entry.id}/`, body);
  const refused = check(answer);
  if (!refused && !answer.said?.revision) throw new Later("That was not the server's answer; it is tried again.");
  const tx = (await db).transaction("entries", "readwrite");
  const now = await tx.store.get(entry.id);
  let news = null;
  if (answer.said?.kept) remember(entry.id, picked(answer.said)); // in the server's own words
  if (now && !refused) news = settled(now, body, before, answer.said);
  else if (now?.revision === entry.revision)
    news = {
      found: [{ ...now, pending: 1, refused }],
      said: `The entry at ${clock(now.at)} stays on this device. ${refused}`,
    };
  for (const found of news?.found ?? []) tx.store.put(found);
  await tx.done;
  if (news) tell({ ...news, over: now.revision });
}

async function sendAll() {
  const store = await db;
  for (;;) {
    const pending = (await store.getAllFromIndex("entries", "pending", 1, 50)).filter(
      (entry) => entry.user === user && !entry.refused,
    );
    if (!pending.length) break;
    for (const entry of pending) {
      await sendEntry(entry);
      changed();
    }
  }
  for (const stop of await store.getAll("stops")) {
    if (stop.user !== user) continue;
    const refused = check(await ask("POST", `/api/research/sessions/${stop.session}/stop/`, { at: stop.at }));
    await store.delete("stops", stop.session);
    if (!refused) await forget(stop.session);
  }
}

// The server has all of it: other people's words do not stay on this device.
async function forget(session) {
  const tx = (await db).transaction("entries", "readwrite");
  for (const entry of await tx.store.index("session").getAll(session)) if (!entry.pending) tx.store.delete(entry.id);
  await tx.done;
}

let sending = null;
let following = null;
let wait = 1000;
let timer = 0;

export function send() {
  if (!user) return Promise.resolve();
  // What was kept while an attempt was ending has not been seen by it: another follows.
  if (sending)
    return (following ??= sending
      .finally(() => {
        following = null;
      })
      .then(send));
  sending = attempt().finally(() => {
    sending = null;
  });
  return sending;
}

async function attempt() {
  clearTimeout(timer);
  const work = async (lock) => {
    if (lock === null) return; // another tab is at it
    await sendAll();
  };
  try {
    await (navigator.locks ? navigator.locks.request("desirepath-outbox", { ifAvailable: true }, work) : work());
    trouble = "";
    wait = 1000;
    if (await unsent()) timer = setTimeout(send, wait);
  } catch (error) {
    trouble = why(error);
    timer = setTimeout(send, wait);
    wait = Math.min(wait * 2, 30000);
  }
  await changed();
}

addEventListener("online", () => {
  wait = 1000;
  send();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) send();
});

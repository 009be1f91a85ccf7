// What was logged stays on this device until the server has it. Every page sends what is left; nothing is sent twice
// with a different result, because an entry carries its own name and revision.

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
  for (let i = 5; i >= 0; i--) { bytes[i] = now & 0xff; now = Math.floor(now / 256); }
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

const listeners = new Set();
export const onChange = (listener) => listeners.add(listener);
let trouble = ""; // why the last attempt did not get through, in words
async function changed() {
  const count = await unsent();
  for (const listener of listeners) listener(count, trouble);
}

// All of them or none: an activity that ends and the next one that begins are one thing.
// "strict" waits until the disk has it, not only the browser.
export async function keep(entries) {
  const tx = (await db).transaction("entries", "readwrite", { durability: "strict" });
  for (const entry of entries) tx.store.put({ ...entry, user, pending: 1 });
  await tx.done;
  changed();
  send();
}

export async function keepStop(session, at) {
  const tx = (await db).transaction("stops", "readwrite", { durability: "strict" });
  tx.store.put({ session, at, user });
  await tx.done;
}

export const ofSession = async (session) => (await (await db).getAllFromIndex("entries", "session", session)).filter((entry) => entry.user === user);
export const stopOf = async (session) => (await db).get("stops", session);

export async function unsent() {
  const pending = await (await db).getAllFromIndex("entries", "pending", 1);
  return pending.filter((entry) => entry.user === user && !entry.refused).length;
}

function cookie(name) {
  return document.cookie.split("; ").find((part) => part.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

async function ask(method, url, body) {
  const aborter = new AbortController();
  const patience = setTimeout(() => aborter.abort(), 15000);
  try {
    return await fetch(url, {
      method, body: JSON.stringify(body), signal: aborter.signal, redirect: "error",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": cookie("desirepath_csrf") },
    });
  } finally { clearTimeout(patience); }
}

class Later extends Error {}

async function check(response) {
  if (response.ok) return;
  if (response.status === 401 || response.status === 403) throw new Later("Sign in again to send it.");
  if (response.status >= 500 || response.status === 429 || response.status === 408) throw new Later("The server has trouble; it is tried again.");
  let said = "";
  try { said = (await response.json()).errors?.map((error) => error.detail).join(" "); } catch { /* not JSON */ }
  return said || `The server refused it (${response.status}).`;
}

const FIELDS = ["at", "until", "going", "kind", "source", "text", "quote", "marked", "activity", "participant", "case", "revision", "removed"];

async function sendEntry(entry) {
  const body = Object.fromEntries(FIELDS.map((field) => [field, entry[field]]));
  const refused = await check(await ask("PUT", `/api/research/sessions/${entry.session}/observations/${entry.id}/`, body));
  const tx = (await db).transaction("entries", "readwrite");
  const now = await tx.store.get(entry.id);
  // Changed while it was on its way: the newer revision is still to be sent.
  if (now && now.revision === entry.revision) tx.store.put({ ...now, pending: refused ? 1 : 0, refused: refused || undefined });
  await tx.done;
}

async function sendAll() {
  const store = await db;
  for (;;) {
    const pending = (await store.getAllFromIndex("entries", "pending", 1, 50)).filter((entry) => entry.user === user && !entry.refused);
    if (!pending.length) break;
    for (const entry of pending) { await sendEntry(entry); changed(); }
  }
  for (const stop of await store.getAll("stops")) {
    if (stop.user !== user) continue;
    const refused = await check(await ask("POST", `/api/research/sessions/${stop.session}/stop/`, { at: stop.at }));
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
let wait = 1000;
let timer = 0;

export function send() {
  if (!user) return Promise.resolve();
  sending ??= attempt().finally(() => { sending = null; });
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
    trouble = error instanceof Later ? error.message : "The server cannot be reached.";
    timer = setTimeout(send, wait);
    wait = Math.min(wait * 2, 30000);
  }
  await changed();
}

addEventListener("online", () => { wait = 1000; send(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden) send(); });

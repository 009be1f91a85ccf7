// A folder chosen or dropped in the browser, packed as `desirepath push` packs it:
// a .tar.gz of what was written by hand.

const LEFT_OUT = new Set([
  ".git",
  ".hg",
  ".svn",
  "__pycache__",
  ".venv",
  "venv",
  "node_modules",
  ".tox",
  ".nox",
  ".mypy_cache",
  ".pytest_cache",
  ".ruff_cache",
  ".idea",
  ".vscode",
  ".DS_Store",
  ".env",
]);
const MOST = 500 * 2 ** 20; // bytes
const BLOCK = 512;

/** [{path, file}] of a directory entry of a drop, below it. */
export async function under(entry, path = "") {
  if (LEFT_OUT.has(entry.name) && path) return [];
  const here = path ? `${path}/${entry.name}` : entry.name;
  if (entry.isFile) return [{ path: here, file: await new Promise((yes, no) => entry.file(yes, no)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((yes, no) => reader.readEntries(yes, no)); // a hundred at a time
    if (!some.length) return found;
    for (const inner of some) found.push(...(await under(inner, here)));
  }
}

/** The same of an input with `webkitdirectory`. */
export function chosen(files) {
  return [...files]
    .map((file) => ({ path: file.webkitRelativePath || file.name, file }))
    .filter(
      ({ path }) =>
        !path
          .split("/")
          .slice(1)
          .some((part) => LEFT_OUT.has(part)),
    );
}

/** One file of them all, NAME.tar.gz. Throws an Error whose message is for people. */
export async function packed(members) {
  const sorted = [...members].sort((a, b) => (a.path < b.path ? -1 : 1));
  if (!sorted.length) throw new Error("There is nothing in that folder.");
  const size = sorted.reduce((sum, { file }) => sum + file.size, 0);
  if (size > MOST) throw new Error(`The folder has ${Math.round(size / 2 ** 20)} MB; at most 500 MB can be handed in.`);
  const parts = [];
  for (const { path, file } of sorted) {
    const name = new TextEncoder().encode(path);
    if (name.length > 100) parts.push(...longName(path));
    const runs = (await file.slice(0, 2).text()) === "#!"; // the browser does not tell what may be executed
    parts.push(
      header(path, file.size, runs ? 0o755 : 0o644, "0"),
      file,
      new Uint8Array((BLOCK - (file.size % BLOCK)) % BLOCK),
    );
  }
  parts.push(new Uint8Array(2 * BLOCK));
  const stream = new Blob(parts).stream().pipeThrough(new CompressionStream("gzip"));
  const top = sorted[0].path.split("/")[0];
  return new File([await new Response(stream).blob()], `${top}.tar.gz`, { type: "application/gzip" });
}

function header(path, size, mode, kind) {
  const block = new Uint8Array(BLOCK);
  const put = (text, at, room) => block.set(new TextEncoder().encode(text).slice(0, room), at);
  const octal = (value, digits) => `${value.toString(8).padStart(digits, "0")}\0`;
  put(path, 0, 100);
  put(octal(mode, 7), 100, 8);
  for (const at of [108, 116]) put(octal(0, 7), at, 8);
  put(octal(size, 11), 124, 12);
  put(octal(0, 11), 136, 12);
  put("        ", 148, 8);
  put(kind, 156, 1);
  put("ustar\x0000", 257, 8);
  put(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
    8,
  );
  return block;
}

/** A name of more than a hundred bytes stands in a record of its own before the file (POSIX pax). */
function longName(path) {
  const bytes = new TextEncoder().encode(path).length;
  let length = bytes + 7; // " path=" and the line's end
  while (`${length}`.length + bytes + 7 !== length) length = `${length}`.length + bytes + 7;
  const record = new TextEncoder().encode(`${length} path=${path}\n`);
  return [
    header("long-name", record.length, 0o644, "x"),
    record,
    new Uint8Array((BLOCK - (record.length % BLOCK)) % BLOCK),
  ];
}

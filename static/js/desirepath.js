// What every page can do: search, close, open a dialog, show what went wrong with a request. No build step.

const find = () => document.querySelector("#find");

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") {
    if (!document.querySelector("#search")) return; // nobody is signed in
    event.preventDefault();
    search(find()?.value);
  }
});

const search = (text) => import("./search.js").then((box) => box.open(text));

// By mouse the field in the bar opens the box. By keyboard it stays a field: focus alone opens nothing.
document.addEventListener("click", (event) => {
  if (event.target.closest("#find")) search(find().value);
});

document.addEventListener("click", (event) => {
  const close = event.target.closest("[data-close]");
  if (close) {
    const what = close.closest(close.dataset.close);
    if (what?.tagName === "DIALOG") what.close();
    else what?.remove();
  }
  const open = event.target.closest("[data-open]");
  if (open) document.querySelector(open.dataset.open)?.showModal();
  for (const menu of document.querySelectorAll("details.menu[open]"))
    if (!menu.contains(event.target)) menu.open = false;
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = document.querySelector("details.menu[open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("change", (event) => {
  // A choice that takes effect at once says so with data-submit.
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
});

// What would fill a phone's first screen is folded there.
if (matchMedia("(max-width: 700px)").matches)
  for (const part of document.querySelectorAll("details[data-fold]")) part.open = false;

// A file dragged onto a form with data-drop is chosen as if by hand. Elsewhere on that page it would replace the page.
const drop = document.querySelector("form[data-drop]");
if (drop) {
  const zone = drop.querySelector(".drop");
  const file = drop.querySelector("input[name=file]");
  const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  let depth = 0;
  document.addEventListener("dragenter", (event) => {
    if (brings(event)) {
      depth += 1;
      zone.classList.add("over");
    }
  });
  document.addEventListener("dragleave", (event) => {
    if (brings(event) && (depth -= 1) <= 0) {
      depth = 0;
      zone.classList.remove("over");
    }
  });
  document.addEventListener("dragover", (event) => {
    if (brings(event)) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    depth = 0;
    zone.classList.remove("over");
    if (event.dataTransfer.files.length !== 1) {
      toast("One file at a time, please.", { error: true });
      return;
    }
    const entry = event.dataTransfer.items[0]?.webkitGetAsEntry?.(); // asked now: it is gone after the event
    if (entry?.isDirectory) {
      pack(entry.name, (folder) => folder.under(entry));
      return;
    }
    file.files = event.dataTransfer.files;
    drop.requestSubmit();
  });
  // A folder is packed here, as `desirepath push` does it, and goes on like a file.
  const pack = async (name, list) => {
    if (!("folder" in drop.dataset)) {
      toast("A file, please: a folder cannot be taken here.", { error: true });
      return;
    }
    const said = zone.firstChild.textContent;
    zone.firstChild.textContent = `Packing ${name}…`;
    try {
      const folder = await import("./folder.js");
      const brought = new DataTransfer();
      brought.items.add(await folder.packed(await list(folder)));
      file.files = brought.files;
      drop.requestSubmit();
    } catch (error) {
      zone.firstChild.textContent = said;
      toast(error.message, { error: true });
    }
  };
  drop.querySelector("[webkitdirectory]")?.addEventListener("change", (event) => {
    const files = event.target.files;
    if (files.length) pack(files[0].webkitRelativePath.split("/")[0], (folder) => folder.chosen(files));
  });
  drop.addEventListener("submit", () => {
    zone.classList.add("over");
    zone.firstChild.textContent = `Keeping ${file.files[0]?.name ?? "it"}…`;
  });
}

export function toast(text, { error = false } = {}) {
  const box = document.createElement("div");
  box.className = error ? "toast error" : "toast";
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  Object.assign(close, { type: "button", className: "close", textContent: "×", ariaLabel: "Close this message" });
  close.dataset.close = ".toast";
  box.append(words, close);
  document.querySelector("#toasts").append(box);
  if (!error) setTimeout(() => box.remove(), 8000);
}

// Messages that came with the page leave by themselves once they were read; those with a way back stay longer.
for (const shown of document.querySelectorAll("#toasts .toast:not(.error)")) {
  let leave = setTimeout(() => shown.remove(), shown.querySelector("form") ? 20000 : 8000);
  shown.addEventListener("focusin", () => clearTimeout(leave));
  shown.addEventListener("mouseenter", () => clearTimeout(leave));
}

document.body.addEventListener("htmx:responseError", (event) => {
  const status = event.detail.xhr.status;
  toast(
    status === 403
      ? "You may not do this. Nothing was changed."
      : status === 404
        ? "This is not there any more. Reload the page."
        : `The server answered ${status}. Nothing was changed.`,
    { error: true },
  );
});
document.body.addEventListener("htmx:sendError", () =>
  toast("The server cannot be reached. Nothing was changed; try again.", { error: true }),
);

// Entries that another page left behind are sent from here, and said to be until they are.
if (Number(document.body.dataset.user)) {
  const outbox = await import("./outbox.js");
  const box = document.querySelector("#outbox");
  if (!document.querySelector("#entry")) {
    outbox.onChange((count, trouble) => {
      box.hidden = !count;
      box.textContent = count
        ? `${count} ${count === 1 ? "entry is" : "entries are"} on this device and not on the server yet. ${trouble}`
        : "";
    });
  }
  outbox.send();
}

// The box that Ctrl K opens: results while typing, chosen by arrows. Without this script the form leads to /search/.

const WAIT = 120; // ms after the last key
const PATIENCE = 15000; // ms for an answer
const box = document.querySelector("#search");
const field = box.querySelector("[role=combobox]");
const list = box.querySelector("#search-results");
const said = box.querySelector("#search-said");
const EMPTY = said.textContent;
let asked; // the AbortController of the request under way
let timer;

/** Open the box, with this text in it. */
export function open(text = "") {
  if (box.open) {
    field.select();
    return;
  }
  if (text) field.value = text;
  box.showModal();
  field.focus();
  field.select();
  if (field.value.trim()) ask();
}

const options = () => [...list.querySelectorAll("[role=option]")];
const chosen = () => list.querySelector("[aria-selected=true]");

function choose(option) {
  chosen()?.setAttribute("aria-selected", "false");
  if (option) {
    option.setAttribute("aria-selected", "true");
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else field.removeAttribute("aria-activedescendant");
}

function show(html) {
  list.innerHTML = html;
  const words = list.querySelector(".said");
  said.textContent = words ? words.textContent.trim().replace(/\s+/g, " ") : EMPTY;
  words?.remove();
  const any = options().length > 0;
  list.hidden = !any;
  field.setAttribute("aria-expanded", String(any));
  choose(options()[0]);
  list.scrollTop = 0;
}

async function ask() {
  asked?.abort();
  const text = field.value.trim();
  if (!text) {
    show("");
    return;
  }
  const mine = (asked = new AbortController());
  try {
    const answer = await fetch(`/search/?part=box&q=${encodeURIComponent(text)}`, {
      signal: AbortSignal.any([mine.signal, AbortSignal.timeout(PATIENCE)]),
    });
    if (!answer.ok || answer.redirected) throw new Error(`${answer.status}`);
    const html = await answer.text();
    if (!mine.signal.aborted) show(html);
  } catch (error) {
    if (error.name === "AbortError") return;
    show("");
    said.textContent = "The server cannot be reached. Press Enter to try again.";
  }
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  asked?.abort();
  choose(null); // Enter means what is typed, not what was found for less of it
  timer = setTimeout(ask, WAIT);
});

field.addEventListener("keydown", (event) => {
  if (event.isComposing) return; // an input method's own Enter and arrows
  const all = options();
  const at = all.indexOf(chosen());
  const to = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (to !== undefined && all.length) {
    event.preventDefault();
    choose(all[(to + all.length) % all.length]);
  } else if (event.key === "Enter" && chosen()) {
    event.preventDefault();
    chosen().click();
  }
});

list.addEventListener("pointermove", (event) => {
  const over = event.target.closest("[role=option]");
  if (over && over !== chosen()) choose(over);
});

// A click beside the box closes it; one on a place of this very page does too.
box.addEventListener("click", (event) => {
  if (event.target === box || event.target.closest("[role=option]")) box.close();
});

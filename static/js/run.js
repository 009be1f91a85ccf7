// A run's page while it runs: each event brings the part that changes; what it asks is brought only when that changes,
// so that nothing somebody is typing is lost. The page stays where it was looked at.
const page = document.querySelector("[data-run]");
const course = () => document.querySelector("#run-course");
const log = () => document.querySelector("#run-log");

// Where the run is stands in the middle of the frame, unless somebody has scrolled it.
const centre = () => {
  const here = course()?.querySelector(".course-label.here");
  if (!here) return;
  const frame = course().getBoundingClientRect();
  const at = here.getBoundingClientRect();
  course().scrollLeft += at.left + at.width / 2 - (frame.left + frame.width / 2);
};
let follows = true;
document.addEventListener(
  "wheel",
  (event) => {
    if (event.target.closest("#run-course")) follows = false;
  },
  { passive: true },
);
document.addEventListener(
  "touchstart",
  (event) => {
    if (event.target.closest("#run-course")) follows = false;
  },
  { passive: true },
);

const bring = async () => {
  const left = course()?.scrollLeft ?? 0;
  const atEnd = !log() || log().scrollTop + log().clientHeight > log().scrollHeight - 8;
  const top = log()?.scrollTop ?? 0;
  const comparing = document.querySelector("#compare-with")?.open;
  const link = document.activeElement?.closest?.("#run-course a")?.getAttribute("href");
  await htmx.ajax("GET", `${page.dataset.run}?part=now`, { target: "#run-now", swap: "innerHTML" });
  if (comparing && document.querySelector("#compare-with")) document.querySelector("#compare-with").open = true;
  course()?.scrollTo({ left });
  if (follows) centre();
  if (log()) log().scrollTop = atEnd ? log().scrollHeight : top;
  if (link)
    course()
      ?.querySelector(`a[href="${CSS.escape(link)}"]`)
      ?.focus({ preventScroll: true });
  const asks = document.querySelector("#run-now [data-asks]")?.dataset.asks ?? "";
  const shown = document.querySelector("#run-asks");
  if (asks !== shown.dataset.asks) {
    shown.dataset.asks = asks;
    await htmx.ajax("GET", `${page.dataset.run}?part=asks`, { target: "#run-asks", swap: "innerHTML" });
  }
};

// One request at a time: events that come meanwhile are brought together by the next one.
let due = false;
let busy = false;
const want = async () => {
  due = true;
  if (busy) return;
  busy = true;
  while (due) {
    due = false;
    await bring();
    await new Promise((go) => setTimeout(go, 120));
  }
  busy = false;
};

if (page) centre();
if (page && !page.dataset.ended) {
  if (log()) log().scrollTop = log().scrollHeight;
  const source = new EventSource(`${page.dataset.run}events/?after=${page.dataset.after}`);
  source.addEventListener("open", () => {
    page.dataset.listening = "yes";
  });
  source.addEventListener("step", want);
  source.addEventListener("over", () => {
    source.close();
    document.querySelector("#cancel")?.close();
    want();
  });
}

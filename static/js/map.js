// The map by keyboard: arrows move, Enter edits, E shows what a step rests on, Ctrl Z takes the last edit back.
const map = document.querySelector(".map");

if (map) {
  const rows = () =>
    [...map.querySelectorAll(".map-row")].map((row) => [...row.querySelectorAll(".cell")]).filter((row) => row.length);
  const show = (cell) => {
    map.querySelectorAll(".cell").forEach((other) => {
      other.tabIndex = other === cell ? 0 : -1;
      other.classList.toggle("sel", other === cell);
    });
    cell.focus();
  };
  const move = (cell, down, right) => {
    const grid = rows();
    const row = grid.findIndex((cells) => cells.includes(cell));
    const column = grid[row].indexOf(cell);
    const next = grid[row + down]?.[column + right];
    if (next) show(next);
  };
  const edit = (cell) =>
    cell.dataset.edit && htmx.ajax("GET", `${cell.dataset.edit}?edit`, { target: cell, swap: "innerHTML" });
  const evidence = (cell) => htmx.ajax("GET", cell.dataset.evidence, { target: "#evidence-body", swap: "innerHTML" });

  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  map.addEventListener("keydown", (event) => {
    const cell = event.target.closest(".cell");
    if (!cell) return;
    if (event.target !== cell) {
      if (event.key === "Escape") {
        cell.querySelector("[hx-get]")?.click();
      }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
        event.preventDefault();
        cell.querySelector("form")?.requestSubmit();
      }
      return;
    }
    if (ARROWS[event.key]) {
      event.preventDefault();
      move(cell, ...ARROWS[event.key]);
    }
    if (event.key === "Enter") {
      event.preventDefault();
      edit(cell);
    }
    if (event.key.toLowerCase() === "e" && !event.ctrlKey) {
      event.preventDefault();
      evidence(cell);
    }
  });
  map.addEventListener("dblclick", (event) => {
    const cell = event.target.closest(".cell");
    if (cell) edit(cell);
  });
  map.addEventListener("click", (event) => {
    const cell = event.target.closest(".cell");
    if (cell && event.target.closest("textarea, button, a") === null) show(cell);
  });
  document.addEventListener("keydown", (event) => {
    if (
      event.key.toLowerCase() === "z" &&
      (event.ctrlKey || event.metaKey) &&
      !event.target.closest("textarea, input")
    ) {
      const undo = document.querySelector("#undo button:not([disabled])");
      if (undo) {
        event.preventDefault();
        undo.click();
      }
    }
  });
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "evidence-body") document.querySelector("#evidence").showModal();
    const cell = event.target.closest?.(".cell");
    if (!cell) return;
    const box = cell.querySelector("textarea");
    if (box) {
      box.focus();
      return;
    }
    const undo = document.querySelector("#undo button");
    if (undo && event.detail.requestConfig?.verb === "post") undo.disabled = false;
    show(cell);
  });
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if ([409, 422].includes(event.detail.xhr.status)) {
      event.detail.shouldSwap = true;
      event.detail.isError = false;
    }
  });
}

"use strict";
// Sort tables by a heading, and keep the order when the page is updated.
const orders = new Map();
const nameOf = (table) => table.closest("[role=region]")?.getAttribute("aria-label") ?? "";

function sort(table) {
  const order = orders.get(nameOf(table));
  if (!order) return;
  const heading = table.tHead.rows[0].cells[order.column];
  for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", order.isRising ? "ascending" : "descending");
  const isNumeric = heading.classList.contains("n");
  const text = (row) => row.cells[order.column].textContent.trim();
  const value = (row) => parseFloat(text(row).replaceAll(",", ""));
  const known = (row) => (isNumeric ? !Number.isNaN(value(row)) : text(row) !== "");
  const compare = (a, b) => (isNumeric ? value(a) - value(b) : text(a).localeCompare(text(b)));
  const rows = [...table.tBodies[0].rows];
  const sorted = rows.filter(known).sort((a, b) => (order.isRising ? compare(a, b) : compare(b, a)));
  table.tBodies[0].append(...sorted, ...rows.filter((row) => !known(row)));
}

function prepare(part) {
  for (const table of part.querySelectorAll("table.sortable")) {
    for (const heading of table.querySelectorAll("thead th")) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const isRising = heading.getAttribute("aria-sort") !== "ascending";
        orders.set(nameOf(table), { column: heading.cellIndex, isRising });
        sort(table);
      });
    }
    sort(table);
  }
}

// Ask for changes; the server escapes the part that replaces the old one.
async function update(part, version) {
  let seconds = document.hidden ? 2 : 10;
  try {
    if (document.hidden) return;
    const response = await fetch(`${part.dataset.updates}?version=${version}`);
    if (response.ok) {
      const found = await response.json();
      ({ seconds, version } = found);
      if (found.html !== undefined) {
        const chosen = [...part.querySelectorAll("input:checked")].map((box) => box.value);
        part.innerHTML = found.html;
        for (const box of part.querySelectorAll("input")) box.checked = chosen.includes(box.value);
        prepare(part);
      }
      const progress = document.getElementById("progress");
      if (progress && found.elapsed !== undefined) {
        progress.hidden = found.elapsed === "";
        progress.querySelector("progress").value = found.share;
        progress.querySelector("span").textContent = found.elapsed;
      }
    }
  } catch {
    // The server has ended; it may be started again.
  } finally {
    setTimeout(update, 1000 * seconds, part, version);
  }
}

for (const part of document.querySelectorAll("[data-updates]")) {
  prepare(part);
  update(part, "");
}

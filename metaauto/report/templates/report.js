"use strict";
// Sort a table by the column whose heading is clicked; a second click reverses the order.
for (const heading of document.querySelectorAll("table.sortable thead th")) {
  const button = document.createElement("button");
  button.append(...heading.childNodes);
  heading.append(button);
  button.addEventListener("click", () => {
    const body = heading.closest("table").tBodies[0];
    const column = heading.cellIndex;
    const isRising = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentNode.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", isRising ? "ascending" : "descending");
    const text = (row) => row.cells[column].textContent.trim();
    const value = (row) => parseFloat(text(row).replaceAll(",", ""));
    const isNumeric = heading.classList.contains("n");
    const known = (row) => (isNumeric ? !Number.isNaN(value(row)) : text(row) !== "");
    const compare = (a, b) => (isNumeric ? value(a) - value(b) : text(a).localeCompare(text(b)));
    const rows = [...body.rows];
    const sorted = rows.filter(known).sort((a, b) => (isRising ? compare(a, b) : compare(b, a)));
    body.append(...sorted, ...rows.filter((row) => !known(row)));
  });
}
// Enlarge a figure to the width of the page, and back.
for (const figure of document.querySelectorAll("figure")) {
  const button = document.createElement("button");
  button.className = "enlarge";
  button.textContent = "Enlarge";
  figure.prepend(button);
  const toggle = () => {
    button.textContent = figure.classList.toggle("large") ? "Reduce" : "Enlarge";
  };
  button.addEventListener("click", toggle);
  figure.querySelector("svg").addEventListener("click", toggle);
}

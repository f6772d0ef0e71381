// Tables are sorted by their headings, code is copied by a button; without this script everything can still be read.
"use strict";

function value(row, column, kind) {
  const cell = row.cells[column];
  if (kind === "text") return cell.textContent.trim();
  const number = cell.dataset.value;
  return number === "" ? null : Number(number);
}

function compare(kind, sign) {
  return ([one], [other]) => {
    if (kind === "text") return sign * one.localeCompare(other, "en", { numeric: true });
    if (one === null || other === null) return (one === null) - (other === null);
    return sign * (one - other);
  };
}

function sort(table, heading, column, headings) {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  const kind = heading.dataset.sort;
  const rows = Array.from(table.tBodies[0].rows, (row) => [value(row, column, kind), row]);
  rows.sort(compare(kind, descending ? -1 : 1));
  table.tBodies[0].append(...rows.map(([, row]) => row));
  for (const other of headings) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
}

// The headings of single columns, in the order of these: those over several columns give way to the row below.
function columns(table) {
  const [upper, lower] = Array.from(table.tHead.rows, (row) => Array.from(row.cells));
  return upper.flatMap((cell) => (cell.colSpan > 1 ? lower.splice(0, cell.colSpan) : [cell]));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = columns(table);
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sort(table, heading, column, headings));
  });
}

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = "copied";
      setTimeout(() => { button.textContent = "copy"; }, 1500);
    });
  }
}

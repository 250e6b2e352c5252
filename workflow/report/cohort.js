"use strict";
// Sorting and filtering of the samples' table. Without it the table stands as it is.
(() => {
  const table = document.getElementById("samples");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const headers = [...table.tHead.rows[0].cells];
  const columns = headers.flatMap((header, column) => (header.dataset.sort ? [column] : []));
  const controls = document.querySelector(".controls");
  const [search, select, status] = ["input", "select", ".shown"].map((each) => controls.querySelector(each));
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const chosen = new Set();

  const compared = (column, descending) => {
    const isNumber = headers[column].dataset.sort === "number";
    const value = (row) => row.cells[column].dataset.value;
    return (one, other) => {
      const [a, b] = [value(one), value(other)];
      // What is missing comes last, whichever way the rows are sorted.
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = isNumber ? a - b : a.localeCompare(b, "en", { numeric: true });
      return descending ? -order : order;
    };
  };

  const sort = (column, direction) => {
    headers.forEach((header) => header.removeAttribute("aria-sort"));
    if (direction) headers[column].setAttribute("aria-sort", direction);
    select.value = direction ? `${column} ${direction}` : "";
    const ordered = direction ? [...rows].sort(compared(column, direction === "descending")) : rows;
    body.append(...ordered);
  };

  const NEXT = { none: "ascending", ascending: "descending", descending: "" };
  for (const column of columns) {
    const header = headers[column];
    const name = header.textContent;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => sort(column, NEXT[header.getAttribute("aria-sort") || "none"]));
    header.replaceChildren(button);
    for (const direction of ["ascending", "descending"]) {
      select.append(new Option(`${name}, ${direction}`, `${column} ${direction}`));
    }
  }
  select.prepend(new Option("verdict, then the sheet's order", ""));
  select.value = "";
  select.addEventListener("change", () => {
    const [column, direction] = select.value.split(" ");
    sort(Number(column), direction);
  });

  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    for (const row of rows) {
      const isChosen = !chosen.size || chosen.has(row.dataset.verdict);
      row.hidden = !(isChosen && texts.get(row).includes(wanted));
    }
    const hidden = rows.filter((row) => row.hidden);
    const failed = hidden.filter((row) => row.dataset.verdict === "failed").length;
    status.textContent = hidden.length
      ? `Filtered: ${rows.length - hidden.length} of ${rows.length} samples are shown.`
      : `All ${rows.length} samples are shown.`;
    if (failed) status.textContent += ` Not shown: ${failed} failed, without a result.`;
  };
  search.addEventListener("input", filter);

  for (const item of document.querySelectorAll(".counts [data-verdict]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(...item.childNodes);
    button.addEventListener("click", () => {
      const isChosen = button.getAttribute("aria-pressed") === "false";
      button.setAttribute("aria-pressed", String(isChosen));
      if (isChosen) chosen.add(item.dataset.verdict);
      else chosen.delete(item.dataset.verdict);
      filter();
    });
    item.append(button);
  }

  table.classList.add("sortable");
  controls.hidden = false;
  filter();
})();

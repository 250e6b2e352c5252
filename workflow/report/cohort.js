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
  const orderSaid = table.querySelector(".order");
  const ownOrder = orderSaid.textContent;
  const texts = new Map(rows.map((row) => [row, row.textContent.replace(/\s+/g, " ").toLowerCase()]));

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
    orderSaid.textContent = direction ? `by ${headers[column].textContent}, ${direction}` : ownOrder;
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
  select.prepend(new Option("verdict, then the order of the sheet", ""));
  select.value = "";
  select.addEventListener("change", () => {
    const [column, direction] = select.value.split(" ");
    sort(Number(column), direction);
  });

  const toggles = [...document.querySelectorAll(".counts [data-verdict]")].map((item) => {
    const button = document.createElement("button");
    button.type = "button";
    button.value = item.dataset.verdict;
    button.setAttribute("aria-pressed", "false");
    button.append(...item.childNodes);
    item.append(button);
    return button;
  });
  const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
  const are = (number, kind) => `${number} ${kind}${number === 1 ? " is" : "s are"}`;

  const filter = () => {
    const words = search.value.replace(/\s+/g, " ").trim();
    const pressed = toggles.filter(isPressed);
    const verdicts = new Set(pressed.map((button) => button.value));
    for (const row of rows) {
      const isWanted = !verdicts.size || verdicts.has(row.dataset.verdict);
      row.hidden = !(isWanted && texts.get(row).includes(words.toLowerCase()));
    }
    const hidden = rows.filter((row) => row.hidden);
    const failed = hidden.filter((row) => row.dataset.verdict === "failed").length;
    // On paper this line alone tells that rows are missing, and why.
    const labels = pressed.map((button) => button.querySelector(".label").textContent);
    const by = [labels.join(" or "), words && `“${words}”`].filter(Boolean).join(" and ");
    status.textContent = hidden.length
      ? `Filtered by ${by}: ${rows.length - hidden.length} of ${are(rows.length, "sample")} shown.`
      : `${rows.length > 1 ? "All " : ""}${are(rows.length, "sample")} shown.`;
    if (failed) status.textContent += ` ${are(failed, "failed sample")} not shown.`;
  };
  search.addEventListener("input", filter);
  for (const button of toggles) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(!isPressed(button)));
      filter();
    });
  }

  // A mark of the picture leads to its row even where a filter hides it.
  for (const link of document.querySelectorAll(".cohort-picture a")) {
    link.addEventListener("click", () => {
      if (!document.getElementById(link.getAttribute("href").slice(1)).hidden) return;
      search.value = "";
      toggles.forEach((button) => button.setAttribute("aria-pressed", "false"));
      filter();
    });
  }

  table.classList.add("sortable");
  controls.hidden = false;
  filter();
})();

"use strict";
for (const table of document.querySelectorAll("table")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const first = [...body.rows];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => row.cells[column].dataset.value;
      const numeric = first.some((row) => key(row) !== undefined);
      const sorted = [...first].sort((a, b) => {
        if (!numeric) {
          const text = (row) => row.cells[column].textContent;
          return (up ? 1 : -1) * text(a).localeCompare(text(b), "en", { numeric: true });
        }
        if (key(a) === undefined || key(b) === undefined) {  // undefined goes last either way
          return (key(a) === undefined) - (key(b) === undefined);
        }
        return (up ? 1 : -1) * (Number(key(a)) - Number(key(b)));
      });
      body.append(...sorted);
    });
  });
}

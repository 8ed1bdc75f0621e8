/* Counts what is ticked in a list, ticks a whole page, and lets "all that match" stand for it. Nothing needs this. */
"use strict";

for (const form of document.querySelectorAll("form[data-selection]")) {
  const rows = [...form.querySelectorAll("tbody input[type=checkbox]")];
  const everything = form.querySelector("[data-selection-all]");
  const page = form.querySelector("[data-selection-page]");
  const count = form.querySelector("[data-selection-count]");
  if (!count || !page || !rows.length) continue;

  const show = () => {
    const ticked = rows.filter((row) => row.checked).length;
    count.textContent = everything.checked ? "" : ticked === 0 ? count.dataset.none
      : ticked === 1 ? count.dataset.one : count.dataset.many.replace("{}", ticked);
    page.checked = everything.checked || ticked === rows.length;
    page.indeterminate = !page.checked && ticked > 0;
    for (const row of rows) row.disabled = everything.checked;
  };

  page.hidden = false;
  page.addEventListener("change", () => {
    for (const row of rows) row.checked = page.checked;
    everything.checked = false;
    show();
  });
  form.addEventListener("change", (event) => { if (event.target !== page) show(); });
  window.addEventListener("pageshow", show);
  show();
}

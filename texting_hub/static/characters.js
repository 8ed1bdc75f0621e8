/* Counts characters while they are typed, as the server does: a line break is one, white space at the ends is none.
   Without it, the number is that of the last time the page was loaded. */
for (const counter of document.querySelectorAll("[data-counts]")) {
  const field = document.getElementById(counter.dataset.counts);
  const shown = counter.querySelector("span");
  const fewest = Number(counter.dataset.fewest);
  const most = Number(counter.dataset.most);
  const count = () => {
    const length = [...field.value.trim()].length;
    shown.textContent = length.toLocaleString("en");
    counter.classList.toggle("is-over", length > most || (length > 0 && length < fewest));
  };
  field.addEventListener("input", count);
  count();
}

// The form that takes a CSV file: says at once that a file is too large, and that it is being checked.
const form = document.getElementById("csv-upload");
const file = form.querySelector("input[type=file]");
const button = form.querySelector("button[data-busy]");
const words = button.textContent;

file.addEventListener("change", () => {
  const chosen = file.files[0];
  const tooLarge = chosen && chosen.size > Number(file.dataset.mostBytes);
  file.setCustomValidity(tooLarge ? file.dataset.tooLarge : "");
  if (tooLarge) file.reportValidity();
});

form.addEventListener("submit", () => {
  button.disabled = true;
  button.textContent = button.dataset.busy;
});

// Back from the next page: the form is as it was.
window.addEventListener("pageshow", () => {
  button.disabled = false;
  button.textContent = words;
});

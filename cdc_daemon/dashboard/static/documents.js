// Folds and unfolds all of a document's JSON. Without the script each part folds by itself.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-fold]");
  if (!button) return;
  const parts = document.getElementById(button.dataset.fold).querySelectorAll("details details");
  const opens = ![...parts].some((part) => part.open);
  for (const part of parts) part.open = opens;
  button.textContent = opens ? "Fold" : "Unfold";
});

// Marks all failed items of a page, or none.
document.addEventListener("change", (event) => {
  const box = event.target.closest("[data-marks]");
  if (!box) return;
  for (const each of document.querySelectorAll(`input[name="${box.dataset.marks}"]`)) each.checked = box.checked;
});

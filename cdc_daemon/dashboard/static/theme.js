// Applies the chosen theme before the page is painted. Without a choice, the system's theme applies.
"use strict";
{
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
}

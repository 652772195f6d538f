// Keeps open pages up to date, switches the theme, and copies text. Pages work without it.
"use strict";

// Live fragments: the server sends each that changed, and it replaces the one with the same ID.
const live = document.body.dataset.live;
const connection = document.querySelector("[data-connection]");

function told(text) {
  if (connection) connection.textContent = text;
}

// What a person has opened, focused or is typing must stay as it is.
function replace(fragment, html) {
  const focused = document.activeElement;
  if (fragment.contains(focused) && focused.matches("input, select, textarea")) return;
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const fresh = holder.content.firstElementChild;
  for (const details of fragment.querySelectorAll("details[id]")) {
    const same = fresh.querySelector(`#${CSS.escape(details.id)}`);
    if (same) same.open = details.open;
  }
  for (const box of fragment.querySelectorAll("input[type=checkbox][id]:checked")) {
    const same = fresh.querySelector(`#${CSS.escape(box.id)}`);
    if (same) same.checked = true;
  }
  const path = fragment.contains(focused) ? placeOf(fragment, focused) : null;
  const scrolled = [...fragment.querySelectorAll(".wide")].map((each) => each.scrollLeft);
  fragment.replaceWith(fresh);
  [...fresh.querySelectorAll(".wide")].forEach((each, n) => (each.scrollLeft = scrolled[n] ?? 0));
  letScroll(fresh);
  if (path) path.reduce((node, n) => node?.children[n], fresh)?.focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("fragment", { detail: fresh }));
}

function placeOf(fragment, node) {
  const path = [];
  for (; node !== fragment; node = node.parentElement) {
    path.unshift([...node.parentElement.children].indexOf(node));
  }
  return path;
}

// A table or a text that is wider than the screen takes the focus, so that the arrow keys scroll it.
function letScroll(around) {
  for (const each of around.querySelectorAll(".wide, pre")) {
    if (each.scrollWidth <= each.clientWidth) continue;
    each.tabIndex = 0;
    each.setAttribute("role", "group");
    each.setAttribute("aria-label", "Scrolls sideways");
  }
}

letScroll(document);
addEventListener("resize", () => letScroll(document));

if (live && document.querySelector("[data-live][id]")) {
  const source = new EventSource(live);
  source.onopen = () => told("Live");
  source.onerror = () => told("Reload");
  source.onmessage = (event) => {
    const { id, html } = JSON.parse(event.data);
    const fragment = document.querySelector(`[data-live][id="${CSS.escape(id)}"]`);
    if (fragment) replace(fragment, html);
  };
  addEventListener("pagehide", () => source.close());
}

// Theme: the button shows the theme that it switches to.
const themeSwitch = document.querySelector("[data-theme-switch]");
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

function theme() {
  return document.documentElement.dataset.theme ?? (prefersDark.matches ? "dark" : "light");
}

function showTheme() {
  themeSwitch.textContent = theme() === "dark" ? "Light" : "Dark";
  themeSwitch.hidden = false;
}

if (themeSwitch) {
  showTheme();
  prefersDark.addEventListener("change", showTheme);
  themeSwitch.addEventListener("click", () => {
    document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark";
    localStorage.setItem("theme", theme());
    showTheme();
  });
}

// Over plain HTTP a browser has no clipboard for scripts: there it copies what is selected.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// <button data-copy="id">: copies the text of the element with this ID.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await copy(document.getElementById(button.dataset.copy).textContent);
  button.focus();
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1500);
});

// <form data-confirm="…">, or one of its buttons: asks before it is sent.
document.addEventListener("submit", (event) => {
  const question = event.submitter?.dataset.confirm ?? event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

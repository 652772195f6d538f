// Shows the figures under the pointer, zooms charts, and follows lines of the flow. Pages work without it.
"use strict";

const SVG = "http://www.w3.org/2000/svg";
const zoomed = new Map(); // by the chart's ID: [first step, last step]

function shape(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

function written(seconds, width) {
  const moment = new Date(seconds * 1000).toISOString();
  return width < 3600 || !moment.includes("T00:00") ? moment.slice(5, 16).replace("T", " ") : moment.slice(0, 10);
}

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.told = JSON.parse(figure.dataset.chart);
    this.picture = figure.querySelector(":scope > svg");
    this.plot = this.picture.querySelector(".plot");
    this.steps = this.told.series[0].shown.length;
    this.labels = [...this.picture.querySelectorAll(".moment")].map((node) => [
      node,
      node.textContent,
      node.getAttribute("x"),
    ]);
    this.cursor = null;
    this.tip = null;
    this.zoom(zoomed.get(figure.id) ?? null);
    const listen = (name, act) => this.picture.addEventListener(name, act);
    listen("pointermove", (event) => this.move(event));
    listen("pointerleave", () => this.leave());
    listen("mouseleave", () => this.leave()); // Chromium sends this one alone when a shape appears meanwhile
    listen("pointerdown", (event) => this.begin(event));
    listen("pointerup", (event) => this.end(event));
    listen("keydown", (event) => this.key(event));
    listen("blur", () => this.leave());
    listen("dblclick", () => this.choose(null));
  }

  get view() {
    return zoomed.get(this.figure.id) ?? [0, this.steps - 1];
  }

  // The step under the pointer; the picture may be drawn at any size.
  step(event) {
    const box = this.picture.getBoundingClientRect();
    const { left, width } = this.told.plot;
    const x = ((event.clientX - box.left) / box.width) * this.picture.viewBox.baseVal.width;
    const [first, last] = this.view;
    const found = first + Math.floor(((x - left) / width) * (last - first + 1));
    return Math.min(Math.max(found, first), last);
  }

  place(step) {
    const [first, last] = this.view;
    return this.told.plot.left + (this.told.plot.width * (step - first)) / (last - first + 1);
  }

  move(event) {
    const step = this.step(event);
    if (this.from !== undefined) this.mark(this.from, step);
    this.show(step);
  }

  show(step) {
    this.at = step;
    const { top, height } = this.told.plot;
    const x = (this.place(step) + this.place(step + 1)) / 2;
    this.cursor ??= shape("line", { class: "cursor", y1: top, y2: top + height }, this.picture);
    this.cursor.setAttribute("x1", x);
    this.cursor.setAttribute("x2", x);
    if (!this.tip) {
      this.tip = document.createElement("div");
      this.tip.className = "tip";
      this.tip.setAttribute("role", "status");
      this.figure.append(this.tip);
    }
    const rows = [["", written(this.told.start + step * this.told.seconds, this.told.seconds)]];
    for (const each of this.told.series) rows.push([each.name, each.shown[step] ?? "no sample"]);
    this.tip.replaceChildren(
      ...rows.map(([name, value]) => {
        const row = document.createElement("div");
        row.append(Object.assign(document.createElement("span"), { textContent: name }));
        row.append(Object.assign(document.createElement("strong"), { textContent: value }));
        return row;
      }),
    );
    const share = x / this.picture.viewBox.baseVal.width;
    const box = this.picture.getBoundingClientRect();
    const outer = this.figure.getBoundingClientRect();
    const at = box.left - outer.left + share * box.width;
    const room = share < 0.5 ? at + 12 : at - 12 - this.tip.offsetWidth;
    this.tip.style.left = `${Math.max(0, room)}px`;
    this.tip.style.top = `${box.top - outer.top + 8}px`;
  }

  leave() {
    this.cursor?.remove();
    this.tip?.remove();
    this.marked?.remove();
    this.cursor = this.tip = this.marked = null;
    this.from = undefined;
  }

  begin(event) {
    if (event.button !== 0 || event.pointerType === "touch") return;
    this.from = this.step(event);
    this.picture.setPointerCapture(event.pointerId);
  }

  mark(from, to) {
    const [low, high] = [Math.min(from, to), Math.max(from, to)];
    const { top, height } = this.told.plot;
    this.marked ??= shape("rect", { class: "chosen", y: top, height }, this.picture);
    this.marked.setAttribute("x", this.place(low));
    this.marked.setAttribute("width", this.place(high + 1) - this.place(low));
  }

  end(event) {
    const from = this.from;
    this.from = undefined;
    this.marked?.remove();
    this.marked = null;
    if (from === undefined) return;
    const to = this.step(event);
    if (Math.abs(to - from) >= 2) this.choose([Math.min(from, to), Math.max(from, to)]);
  }

  // Arrows move, + and - zoom around the place, Escape shows all.
  key(event) {
    const [first, last] = this.view;
    const at = this.at ?? last;
    const within = (step) => Math.min(Math.max(step, first), last);
    if (event.key === "ArrowLeft") this.show(within(at - 1));
    else if (event.key === "ArrowRight") this.show(within(at + 1));
    else if (event.key === "Home") this.show(first);
    else if (event.key === "End") this.show(last);
    else if (event.key === "Escape") this.choose(null);
    else if (event.key === "+" || event.key === "-") {
      const half = ((last - first + 1) * (event.key === "+" ? 0.25 : 1)) | 0;
      if (half < 1) return;
      this.choose([Math.max(0, at - half), Math.min(this.steps - 1, at + half)]);
      this.show(at);
    } else return;
    event.preventDefault();
  }

  choose(range) {
    if (range && range[0] === 0 && range[1] === this.steps - 1) range = null;
    if (range) zoomed.set(this.figure.id, range);
    else zoomed.delete(this.figure.id);
    this.leave();
    this.zoom(range);
  }

  zoom(range) {
    const { width, height, left } = this.told.plot;
    const [first, last] = range ?? [0, this.steps - 1];
    const unit = width / this.steps;
    const across = (last - first + 1) * unit;
    this.plot.setAttribute("viewBox", `${first * unit} 0 ${across} ${height}`);
    // The labels stand evenly while the chart is zoomed.
    this.labels.forEach(([node, text, x], n) => {
      if (!range) {
        node.setAttribute("x", x);
        node.textContent = text;
        return;
      }
      const share = (n + 0.5) / this.labels.length;
      const step = first + Math.floor(share * (last - first + 1));
      node.setAttribute("x", left + share * width);
      node.textContent = written(this.told.start + step * this.told.seconds, this.told.seconds);
      if (this.labels.length > 4 && n % 2) node.textContent = "";
    });
    this.figure.querySelector(".zoom")?.remove();
    if (range) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "zoom quiet";
      button.textContent = "Show all";
      button.addEventListener("click", () => this.choose(null));
      this.figure.append(button);
    }
  }
}

// A box of the flow under the pointer, or focused: what it is connected with stays, the rest is dimmed.
function follow(figure) {
  const links = [...figure.querySelectorAll(".link")];
  const boxes = [...figure.querySelectorAll("[data-node]")];
  const clear = () => {
    figure.classList.remove("looking");
    for (const each of [...links, ...boxes]) each.classList.remove("near");
  };
  const look = (box) => {
    clear();
    const [kind, name] = [box.dataset.node.split(":", 1)[0], box.dataset.node.slice(box.dataset.node.indexOf(":") + 1)];
    const near = new Set([box.dataset.node]);
    for (const link of links) {
      const [left, right] = link.dataset.kinds.split(" ");
      const touches = (kind === left && link.dataset.from === name) || (kind === right && link.dataset.to === name);
      if (!touches) continue;
      link.classList.add("near");
      near.add(`${left}:${link.dataset.from}`).add(`${right}:${link.dataset.to}`);
    }
    for (const each of boxes) if (near.has(each.dataset.node)) each.classList.add("near");
    figure.classList.add("looking");
  };
  for (const box of boxes) {
    box.addEventListener("pointerenter", () => look(box));
    box.addEventListener("pointerleave", clear);
    const link = box.closest("a");
    link?.addEventListener("focus", () => look(box));
    link?.addEventListener("blur", clear);
  }
}

function begin(part) {
  const found = (selector) => [...(part.matches?.(selector) ? [part] : []), ...part.querySelectorAll(selector)];
  for (const figure of found("figure[data-chart]")) new Chart(figure);
  for (const figure of found("figure.flow")) follow(figure);
}

begin(document);
document.addEventListener("fragment", (event) => begin(event.detail));

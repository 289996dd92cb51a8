/* What a style sheet cannot do. Without it every page reads as well. */
"use strict";

// On paper a film cannot be moved, so a few of its moments stand in rows.
const MOMENTS = 9;

function momentsOf(film) {
  const frame = film.querySelector(".dl-frame");
  const labels = film.querySelector("input[data-labels]")?.dataset.labels.split("|");
  if (!frame || !labels) return;
  const rows = document.createElement("div");
  rows.className = "dl-moments";
  const shown = Math.min(MOMENTS, labels.length);
  for (let i = 0; i < shown; i++) {
    const which = Math.round((i * (labels.length - 1)) / Math.max(1, shown - 1));
    const moment = frame.cloneNode(true);
    moment.querySelector("img").style.marginLeft = `${-100 * which}%`;
    const label = document.createElement("p");
    label.textContent = labels[which];
    const box = document.createElement("div");
    box.append(moment, label);
    rows.append(box);
  }
  frame.after(rows);
}

// Paper is white, whatever the screen is.
let onScreen;
addEventListener("beforeprint", () => {
  onScreen = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  document.querySelectorAll(".dl-scrub").forEach(momentsOf);
});
addEventListener("afterprint", () => {
  document.documentElement.dataset.theme = onScreen;
  document.querySelectorAll(".dl-moments").forEach((rows) => rows.remove());
});

// Each line of code is a box, so that where it is broken the rest of it
// stands further in than its beginning.
function boxLines(code) {
  const lines = code.innerHTML.replace(/\n$/, "").split("\n");
  code.innerHTML = lines.map((line) => {
    const spaces = line.replace(/<[^>]*>/g, "").search(/\S|$/);
    return `<span class="dl-line" style="--in: ${spaces}ch">${line}\n</span>`;
  }).join("");
}

// For those who listen: what opens is called what it says, not "toggle", and
// a bibliography is a list.
addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".bd-article .highlight pre").forEach(boxLines);
  for (const summary of document.querySelectorAll("details.hide > summary")) {
    summary.removeAttribute("aria-label");
  }
  for (const summary of document.querySelectorAll(".bd-links details > summary")) {
    const page = summary.closest("li").querySelector("a").textContent.trim();
    summary.setAttribute("aria-label", `Pages of “${page}”`);
  }
  for (const entry of document.querySelectorAll(".citation-list > [role]")) {
    entry.setAttribute("role", "listitem");
  }
});

// A formula is copied whole: as its TeX, and where the goal takes more than
// plain text, as MathML.
const formulaOf = (node) => (node.closest ? node : node.parentElement).closest(".math");

function onLines(fragment) {  // as the page breaks them
  const place = document.createElement("div");
  place.style.cssText = "position: fixed; left: -100vw; width: 100vw";
  place.append(fragment);
  document.body.append(place);
  const text = place.innerText;
  place.remove();
  return text;
}

addEventListener("copy", (event) => {
  const selection = getSelection();
  if (selection.isCollapsed) return;  // or a field's own text
  const range = selection.getRangeAt(0).cloneRange();
  const [first, last] = [range.startContainer, range.endContainer].map(formulaOf);
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const texts = range.cloneContents();
  if (!texts.querySelector(".math")) return;
  texts.querySelectorAll(".math .headerlink").forEach((link) => link.remove());
  const marked = document.createElement("div");
  marked.append(texts.cloneNode(true));
  for (const formula of marked.querySelectorAll("mjx-container")) {
    formula.replaceWith(formula.querySelector("math"));
  }
  for (const formula of texts.querySelectorAll("mjx-container")) {
    const sign = formula.hasAttribute("display") ? "$$" : "$";
    formula.replaceWith(sign + formula.parentElement.dataset.tex + sign);
  }
  event.clipboardData.setData("text/html", marked.innerHTML);
  event.clipboardData.setData("text/plain", onLines(texts));
  event.preventDefault();
});

// Films: a button that plays them, a finger or a mouse on the picture that
// moves them, and ticks under the slider, since its stops may be uneven.
const A_FRAME = 350; // milliseconds
const A_TICK = 60; // pixels of room for its number

class Film {
  constructor(figure) {
    this.slider = figure.querySelector("input[type=range]");
    this.frame = figure.querySelector(".dl-frame");
    this.labels = this.slider.dataset.labels.split("|");
    this.last = this.labels.length - 1;
    if (!this.last) return;
    this.button = document.createElement("button");
    this.button.type = "button";
    this.button.className = "dl-play";
    this.button.onclick = () => (this.timer ? this.pause() : this.play());
    this.pause();
    this.slider.parentElement.before(this.button);
    this.slider.parentElement.after(this.ticks());
    this.slider.addEventListener("input", () => this.pause());
    this.frame.addEventListener("pointerdown", (event) => this.grab(event));
    addEventListener("pageshow", () => this.show(Number(this.slider.value)));
  }

  show(which) {
    this.slider.value = Math.max(0, Math.min(this.last, which));
    this.slider.oninput();
  }

  play() {
    if (Number(this.slider.value) === this.last) this.show(0);
    this.say("Pause", "dl-playing");
    this.timer = setInterval(() => {
      this.show(Number(this.slider.value) + 1);
      if (Number(this.slider.value) === this.last) this.pause();
    }, A_FRAME);
  }

  pause() {
    clearInterval(this.timer);
    this.timer = 0;
    this.say("Play", "");
  }

  say(word, state) {
    this.button.setAttribute("aria-label", `${word} the film`);
    this.button.title = word;
    this.button.classList.toggle("dl-playing", state !== "");
  }

  // The film goes through once while a finger crosses the picture.
  grab(event) {
    if (event.button) return;
    event.preventDefault(); // no picture is dragged out of the page
    this.pause();
    const from = Number(this.slider.value);
    const step = this.frame.clientWidth / (this.last + 1);
    const rightToLeft = getComputedStyle(this.slider).direction === "rtl";
    const move = (moved) => {
      const way = (moved.clientX - event.clientX) / step;
      this.show(from + Math.round(rightToLeft ? -way : way));
    };
    this.frame.setPointerCapture(event.pointerId);
    this.frame.addEventListener("pointermove", move);
    const end = () => this.frame.removeEventListener("pointermove", move);
    this.frame.addEventListener("pointerup", end, { once: true });
    this.frame.addEventListener("pointercancel", end, { once: true });
  }

  // As many stops as have room, the first and the last among them.
  ticks() {
    const row = document.createElement("div");
    row.className = "dl-ticks";
    row.setAttribute("aria-hidden", "true");
    const numbers = this.labels.map((label) => label.match(/-?[\d.]+/)?.[0] ?? label);
    const every = Math.max(1, Math.ceil((numbers.length * A_TICK) / this.slider.clientWidth));
    numbers.forEach((number, i) => {
      const tick = document.createElement("span");
      if (i % every === 0 && (i === 0 || this.last - i >= every / 2) || i === this.last) tick.textContent = number;
      tick.style.insetInlineStart = `${(100 * i) / this.last}%`;
      row.append(tick);
    });
    return row;
  }
}

addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".dl-scrub:has(input[data-labels])").forEach((figure) => new Film(figure));
});

// What nobody sees need not move.
addEventListener("DOMContentLoaded", () => {
  const watch = new IntersectionObserver((seen) => {
    for (const { target, isIntersecting } of seen) target.classList.toggle("dl-away", !isIntersecting);
  });
  document.querySelectorAll(".dl-pulse").forEach((film) => watch.observe(film));
});

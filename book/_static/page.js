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

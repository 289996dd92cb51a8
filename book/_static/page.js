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

// A formula that is a little too wide for the screen is set smaller, so that
// it is seen whole. One that would become too small is moved sideways.
const SMALLEST = 0.7;

function fitFormulas() {
  for (const formula of document.querySelectorAll('mjx-container[display="true"]')) {
    formula.dataset.size ??= formula.style.fontSize;  // as MathJax has set it
    formula.style.fontSize = formula.dataset.size;
    const usual = parseFloat(getComputedStyle(formula).fontSize);
    const share = formula.clientWidth / formula.scrollWidth;
    if (share < 1) {
      formula.style.fontSize = `${usual * Math.max(SMALLEST, 0.99 * share)}px`;
    }
  }
}
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  fitFormulas();
  addEventListener("resize", fitFormulas);
});

/* The reader's language: DDPM's t, σ, flow time or VP, chosen on the page
   with a .dl-language-switch and remembered. Every fold of .dl-languages
   holds a list, and what its items say takes the place of what stands before
   it: "**σ**, line 2: …" of line 2 of the list above, "**σ**: …" of the
   formulas in its box. Without this script the folds stay folds. */
"use strict";
(() => {
const KEY = "dl-language";
const LANGUAGES = { ddpm: "DDPM’s t", sigma: "σ, as in EDM", flow: "flow time", vp: "continuous VP" };
const WORDS = { "σ": "sigma", "flow time": "flow", "VP": "vp" };  // in the folds

function read() {
  try {
    const stored = localStorage.getItem(KEY);
    return Object.hasOwn(LANGUAGES, stored) ? stored : "ddpm";
  } catch {
    return "ddpm";  // no storage, as in some private windows
  }
}
function write(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    /* then it holds for this page */
  }
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// "**σ**, line 2: words", as {language, line, nodes}; no line: the whole box.
function entryOf(item) {
  const words = item.querySelector("p") ?? item;
  const [strong, ...nodes] = [...words.cloneNode(true).childNodes];
  const [all, line] = nodes[0].textContent.match(/^(?:, line (\d+))?: /);
  nodes[0].textContent = nodes[0].textContent.slice(all.length);
  nodes.forEach((node) => node.querySelectorAll?.("[id]").forEach((each) => each.removeAttribute("id")));
  return { language: WORDS[strong.textContent], line: Number(line ?? 0), nodes };
}

class Fold {
  constructor(fold) {
    this.fold = fold;
    this.entries = [...fold.querySelectorAll("ul > li")].map(entryOf);
  }

  // Where a line stands: in the last numbered list above, or in the box.
  placeOf(line) {
    const lists = [...this.fold.parentElement.querySelectorAll(":scope > ol")];
    return line ? lists.at(-1).children[line - 1] : this.fold.parentElement;
  }

  speak(language) {
    const places = new Set(this.entries.map(({ line }) => this.placeOf(line)));
    for (const place of places) {
      place.querySelectorAll(":scope > .dl-said").forEach((said) => said.remove());
      place.classList.remove("dl-translated");
    }
    for (const { language: own, line, nodes } of this.entries) {
      if (own !== language) continue;
      const place = this.placeOf(line);
      const said = element("p", { class: "dl-said" }, ...nodes.map((node) => node.cloneNode(true)));
      if (line) place.append(said);
      else this.fold.before(said);
      place.classList.add("dl-translated");
    }
  }
}

let folds = [];
const notes = [];  // where a page says which language it speaks

function speak(language) {
  document.documentElement.dataset.language = language;
  folds.forEach((fold) => fold.speak(language));
  for (const note of notes) {
    note.hidden = language === "ddpm";
    note.querySelector("span").textContent = `Said in ${LANGUAGES[language]}. `;
  }
}

// Once on a page, after the first fold: why it reads as it does.
function noteAfter({ fold }) {
  const home = document.querySelector("script[src*='language.js']").src.replace(/_static\/.*/, "book/dictionary.html#your-language");
  const note = element("p", { class: "dl-spoken" }, element("span"), element("a", { href: home }, "Change the language"));
  const fact = fold.closest(".dl-fact");
  if (fact) fact.closest(".bd-article > section").querySelector(":scope > p").after(note);
  else fold.before(note);
  notes.push(note);
}

function switchIn(place) {
  const status = element("p", { role: "status", class: "dl-heard" });
  const radios = Object.entries(LANGUAGES).map(([value, text]) => {
    const radio = element("input", { type: "radio", name: "dl-language", value });
    radio.checked = value === read();
    radio.addEventListener("change", () => {
      write(value);
      speak(value);
      status.textContent = `Summary boxes and cheat sheet speak ${text} now.`;
    });
    return element("label", {}, radio, element("span", {}, text));
  });
  place.replaceChildren(element("fieldset", { class: "dl-choice" },
    element("legend", {}, "Your language"), ...radios), status);
}

addEventListener("DOMContentLoaded", () => {
  folds = [...document.querySelectorAll(".bd-article details.dl-languages")].map((fold) => new Fold(fold));
  if (folds.length) noteAfter(folds[0]);
  const place = document.querySelector(".dl-language-switch");
  if (place) switchIn(place);
  speak(read());
  addEventListener("storage", ({ key }) => {  // chosen in another window
    if (key !== null && key !== KEY) return;
    speak(read());
    for (const radio of document.querySelectorAll("input[name=dl-language]")) radio.checked = radio.value === read();
  });
});
})();

/* Questions: a fold of answers becomes a form, and what follows waits.
   Without this script the folds stay folds, and nothing is veiled. */
"use strict";
(() => {
const KEY = "dl-answers";  // {page: {count, given: {question: choice, or a number as written, -1 for a pass}}}
const OPEN = "dl-unveiled";  // set: this reader wants to see everything at once
const PASS = -1;
const page = location.pathname.split("/").pop().replace(/\.html$/, "") || "index";

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;  // no storage, as in some private windows, or not ours
  }
}
function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    /* then it is forgotten with the page */
  }
}
function remembered() {
  const stored = read(KEY);
  return typeof stored === "object" && stored !== null ? stored : {};
}
let memory = remembered();

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The same words, the same name: an answer outlives an edit elsewhere.
function nameOf(text) {
  let hash = 5381;
  for (const letter of text) hash = (hash * 33 + letter.codePointAt(0)) >>> 0;
  return hash.toString(36);
}

// "**choice**: yes. reason", as nodes, so that formulas in them stay. They
// are read when they are shown, for only then are the formulas set.
function choiceOf(item) {
  const words = item.querySelector("p") ?? item;
  const strong = words.querySelector("strong");
  const range = strong.textContent;  // of a number, as 0.01 ± 0.003
  const label = range.includes("±") ? element("strong", {}, range.split("±")[0].trim()) : strong;
  const reason = element("span");
  reason.append(...[...words.cloneNode(true).childNodes].slice(1));
  const first = reason.firstChild;
  const [, verdict] = first.textContent.match(/^: (yes|no)\. /);
  first.textContent = first.textContent.slice(`: ${verdict}. `.length);
  return { label, range, reason, right: verdict === "yes" };
}

// A number as people write it: 0.01, 0,01, 1e-4, 3,136 or −2; else NaN.
function numberOf(text) {
  let plain = text.trim().replace("−", "-");
  if (/^-?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$/.test(plain)) plain = plain.replaceAll(",", "");
  plain = plain.replace(",", ".");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

// Does the text say the number of a choice, "0.01 ± 0.003" or "0.02"? One
// without a range of its own has a tenth of itself.
function says(text, { range }) {
  const [middle, given] = range.split("±").map(numberOf);
  const reach = given ?? Math.abs(middle) / 10;
  return Math.abs(numberOf(text) - middle) <= reach * (1 + 1e-9);
}

class Question {
  constructor(fold, number) {
    this.fold = fold;
    this.box = fold.closest("blockquote");
    this.recall = this.box.textContent.trim().startsWith("Recall");
    const summary = fold.querySelector("summary").textContent;
    this.numeric = summary.startsWith("Write a number");
    this.name = nameOf(this.box.querySelector("p").textContent + summary);
    this.number = number;
    this.build();
    if (!this.recall) this.hold();
    this.show();
  }

  get choices() {
    return [...this.fold.querySelector("ul").children].map(choiceOf);
  }

  get given() {
    return memory[page]?.given?.[this.name];
  }

  set given(choice) {
    memory[page] ??= {};
    memory[page].given ??= {};
    if (choice === undefined) delete memory[page].given[this.name];
    else memory[page].given[this.name] = choice;
    write(KEY, memory);
  }

  // Up to the next question, heading or section: what would give it away.
  whatFollows() {
    const found = [];
    for (let next = this.box.nextElementSibling; next; next = next.nextElementSibling) {
      if (next.matches("section, h1, h2, h3") || next.querySelector("details.dl-ask")) break;
      if (!next.matches(".dl-sampler") && !next.querySelector(".dl-sampler")) found.push(next);  // an instrument tells nothing by itself
    }
    return found;
  }

  // What follows waits; here is why, and a way to see it all the same.
  hold() {
    this.followers = this.whatFollows();
    if (!this.followers.length) return;
    this.unveiler = unveiler();
    this.form.querySelector(".dl-buttons").append(this.unveiler);
    const why = "Blurred until you answer the question above: a guess first helps you learn.";
    this.note = element("div", { class: "dl-why", role: "group", "aria-label": why },
      element("p", { "aria-hidden": "true" }, why), button("Show this", () => this.open()), unveiler());
    this.note.addEventListener("click", () => {
      if (!this.note.hidden) return;
      this.followers[0].tabIndex = -1;  // the way goes on there
      this.followers[0].focus({ preventScroll: true });
    });
    this.box.append(this.note);
  }

  // For this visit, and no answer.
  open() {
    this.opened = true;
    this.show();
  }

  build() {
    const group = `dl-ask-${this.number}`;
    const rows = this.numeric ? this.numberField(group) : this.radioButtons(group);
    this.submit = element("button", { type: "submit" }, "That is my answer");
    this.pass = element("button", { type: "button", class: "dl-quiet" }, "Pass");
    this.again = element("button", { type: "button", class: "dl-quiet" }, "Answer again");
    this.verdict = element("div", { role: "status", class: "dl-verdict" });
    this.form = element("form", { class: "dl-ask-form" },
      element("fieldset", {}, element("legend", {}, "Your answer"), ...rows),
      element("div", { class: "dl-buttons" }, this.submit, this.pass, this.again), this.verdict);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const answer = this.chosen();
      if (answer !== undefined) this.answer(answer);
      else if (this.numeric) this.say(element("p", {}, "Write a number first, as 0.25 or 1e-4, or pass."));
      else this.say(element("p", {}, "Choose one of the answers first, or pass."));
    });
    this.pass.addEventListener("click", () => this.answer(PASS));
    this.again.addEventListener("click", () => {
      this.given = undefined;
      this.show();
      this.inputs[0].focus();
      tally();
    });
    this.fold.after(this.form);
    this.fold.classList.add("dl-asked");  // on paper the appendix has it
  }

  radioButtons(group) {
    this.inputs = this.choices.map((_, i) =>
      element("input", { type: "radio", name: group, value: i, id: `${group}-${i}` }));
    return this.choices.map(({ label }, i) =>
      element("label", { for: `${group}-${i}` }, this.inputs[i], label.cloneNode(true)));
  }

  numberField(group) {
    const field = element("input", { type: "text", inputmode: "decimal", autocomplete: "off", id: group });
    this.inputs = [field];
    return [element("label", { for: group }, "Your number", field)];
  }

  // What is in the form: a choice, a number as it was written, or nothing.
  chosen() {
    if (this.numeric) return Number.isNaN(numberOf(this.inputs[0].value)) ? undefined : this.inputs[0].value.trim();
    const which = this.inputs.findIndex((input) => input.checked);
    return which < 0 ? undefined : which;
  }

  answer(choice) {
    this.given = choice;
    this.show();
    this.again.focus();
    tally();
  }

  say(...what) {
    this.verdict.replaceChildren(...what);
  }

  // The choice that was given; for a number that nobody expected, what is
  // wrong with it; undefined where there is no answer.
  meant(given) {
    if (!this.numeric) return Number.isInteger(given) ? this.choices[given] : undefined;
    if (typeof given !== "string" || Number.isNaN(numberOf(given))) return undefined;
    const label = element("strong", {}, given);
    const met = this.choices.find((choice) => says(given, choice));
    if (met) return { ...met, label };
    const right = this.choices.find((choice) => choice.right);
    const far = numberOf(given) < numberOf(right.label.textContent) ? "small" : "large";
    return { label, reason: element("span", {}, `That is too ${far}.`), right: false };
  }

  isRight(given) {
    return given !== PASS && Boolean(this.meant(given)?.right);
  }

  show() {
    const { given, choices } = this;
    const meant = given === PASS ? undefined : this.meant(given);
    const done = given === PASS || meant !== undefined;
    const right = choices.find((choice) => choice.right);
    const line = (start, { label, reason }, between) =>
      element("p", {}, start, label.cloneNode(true), between, reason.cloneNode(true));
    this.inputs.forEach((input, i) => {
      input.disabled = done;
      if (this.numeric) input.value = typeof given === "string" && done ? given : "";
      else input.checked = done && i === given;
    });
    this.submit.hidden = this.pass.hidden = done;
    this.again.hidden = !done;
    this.box.classList.toggle("dl-answered", done);
    if (!done) this.say();
    else if (given === PASS) this.say(line("You passed. It is ", right, ": "));
    else if (meant.right) this.say(line("You said ", meant, ": right. "));
    else this.say(line("You said ", meant, ": no. "), line("It is ", right, ": "));
    this.veil(!done && !this.opened && !read(OPEN));
  }

  veil(on) {
    for (const each of this.followers ?? []) {
      each.classList.toggle("dl-veiled", on);
      each.inert = on;
    }
    if (!this.note) return;
    this.note.hidden = !on;
    this.explain(null);
  }

  // Say why it waits, at this height of the window; null: not any longer.
  explain(height) {
    this.note.classList.toggle("dl-shown", height !== null);
    this.note.style.top = height === null ? "" : `${height - this.box.getBoundingClientRect().top}px`;
  }
}

let questions = [], map = null;
const count = element("span");
const unveilers = [];  // in each box that closes something, in its note, and at the end
const note = element("p", { class: "dl-way" }, count, unveiler(), button("Forget my answers here", () => {
  delete memory[page];
  write(KEY, memory);
  refresh();
}));

function unveiler() {
  const made = button("", () => {
    const all = !read(OPEN);
    write(OPEN, all ? true : null);
    if (!all) for (const question of questions) question.opened = false;
    refresh(made);
  });
  made.classList.add("dl-unveil");
  unveilers.push(made);
  return made;
}

// One word for all of them. What is shown is veiled again from the first
// question, from the end, or with the button that was pressed.
function nameUnveilers(pressed) {
  const all = read(OPEN);
  for (const each of unveilers) each.textContent = all ? "Veil what answers the questions" : "Show everything";
  const [, ...others] = questions.filter((question) => question.unveiler);
  for (const { unveiler, box } of others) {
    unveiler.hidden = unveiler !== pressed && (all || box.classList.contains("dl-answered"));
  }
}

// How many are right on this page; and on the map, how far on every page.
function tally(pressed) {
  if (!questions.length) return;
  const right = questions.filter((question) => question.isRight(question.given)).length;
  const passed = questions.filter(({ given }) => given === PASS).length;
  const open = questions.filter(({ box }) => !box.classList.contains("dl-answered")).length;
  if (memory[page]) {
    Object.assign(memory[page], { count: questions.length, right });
    write(KEY, memory);
  }
  const words = [`Your answers on this page: ${right} of ${questions.length} right`];
  if (passed) words.push(`${passed} passed`);
  if (open) words.push(`${open} open`);
  count.textContent = `${words.join(", ")}. `;
  nameUnveilers(pressed);
}

function button(words, action) {
  const made = element("button", { type: "button", class: "dl-quiet" }, words);
  made.addEventListener("click", action);
  return made;
}

function refresh(pressed) {
  questions.forEach((question) => question.show());
  tally(pressed);
}

function yourWay(place) {
  const pages = [...document.querySelectorAll(".bd-article ol > li")]
    .map((row) => row.querySelector("a[href]"))
    .map((link) => [link.textContent, link.getAttribute("href").replace(/\.html$/, "")])
    .filter(([, stem]) => memory[stem]?.count);
  if (!pages.length) {
    place.replaceChildren("Your way so far: nothing answered yet.");
    return;
  }
  const items = pages.map(([title, stem]) =>
    element("li", {}, `${title}: ${memory[stem].right} of ${memory[stem].count} right`));
  place.replaceChildren("Your way so far:", element("ul", {}, ...items),
    button("Forget all my answers", () => {
      memory = {};
      write(KEY, memory);
      yourWay(place);
    }));
}

// Whoever comes to a section by its address sees it down to the next heading.
// That counts as no answer.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1).split("?")[0]));
  const section = target && target.closest("section");
  if (!section) return;
  for (const question of questions) if (question.box.closest("section") === section) question.open();
  nameUnveilers();
}

// A click into the blur, which is inert and hears nothing, is told why.
function explainAt({ clientX, clientY, target }) {
  if (target.closest(".dl-why")) return;
  const inside = (veiled) => {
    const { left, right, top, bottom } = veiled.getBoundingClientRect();
    return veiled.inert && clientX >= left && clientX <= right && clientY >= top && clientY <= bottom;
  };
  for (const question of questions) {
    if (question.note) question.explain(question.followers.some(inside) ? clientY : null);
  }
}

// On paper the answers stand at the end of the chapter.
function appendix() {
  const items = questions.map(({ box, choices }) => {
    const right = choices.find((choice) => choice.right);
    const asked = box.querySelector("p").textContent.replace(/^\S.*?\.\s/, "");
    return element("li", {}, `${asked} `, right.label.cloneNode(true), ": ", right.reason.cloneNode(true));
  });
  return element("section", { class: "dl-appendix" }, element("h2", {}, "Answers"), element("ol", {}, ...items));
}

// What is answered in another tab counts here at once, and is not written
// over by what this one remembers. A form half filled in stays as it is.
function hear({ key, newValue }) {
  if ((key !== KEY && key !== null) || newValue === JSON.stringify(memory)) return;
  const before = questions.map(({ given }) => given);
  memory = remembered();
  questions.forEach((question, i) => question.given !== before[i] && question.show());
  tally();
  if (map) yourWay(map);
}

addEventListener("storage", hear);
addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector("article.bd-article");
  if (!article) return;
  questions = [...article.querySelectorAll("blockquote details.dl-ask")].map((fold, i) => new Question(fold, i));
  if (questions.length) {
    article.append(note, appendix());
    tally();
    openTarget();
    addEventListener("hashchange", openTarget);
    addEventListener("click", explainAt);
    addEventListener("keydown", ({ key }) => {
      if (key === "Escape") questions.forEach((question) => question.note && question.explain(null));
    });
  }
  map = article.querySelector(".dl-way-here");
  if (map) yourWay(map);
});
})();

/* Questions: a fold of answers becomes a form, and what follows waits.
   Without this script the folds stay folds, and nothing is veiled. */
"use strict";
(() => {
const KEY = "dl-answers";  // {page: {count, given: {question: choice, -1 for a pass}}}
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
let memory = read(KEY);
if (typeof memory !== "object" || memory === null) memory = {};

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
  const label = words.querySelector("strong");
  const reason = element("span");
  reason.append(...[...words.cloneNode(true).childNodes].slice(1));
  const first = reason.firstChild;
  const [, verdict] = first.textContent.match(/^: (yes|no)\. /);
  first.textContent = first.textContent.slice(`: ${verdict}. `.length);
  return { label, reason, right: verdict === "yes" };
}

class Question {
  constructor(fold, number) {
    this.fold = fold;
    this.box = fold.closest("blockquote");
    this.recall = this.box.textContent.trim().startsWith("Recall");
    this.name = nameOf(this.box.querySelector("p").textContent + fold.querySelector("summary").textContent);
    this.number = number;
    this.build();
    if (!this.recall) this.followers = this.whatFollows();
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
      found.push(next);
    }
    return found;
  }

  build() {
    const group = `dl-ask-${this.number}`;
    this.inputs = this.choices.map((_, i) =>
      element("input", { type: "radio", name: group, value: i, id: `${group}-${i}` }));
    const rows = this.choices.map(({ label }, i) =>
      element("label", { for: `${group}-${i}` }, this.inputs[i], label.cloneNode(true)));
    this.submit = element("button", { type: "submit" }, "That is my answer");
    this.pass = element("button", { type: "button", class: "dl-quiet" }, "Pass");
    this.again = element("button", { type: "button", class: "dl-quiet" }, "Answer again");
    this.verdict = element("div", { role: "status", class: "dl-verdict" });
    this.form = element("form", { class: "dl-ask-form" },
      element("fieldset", {}, element("legend", {}, "Your answer"), ...rows),
      element("div", { class: "dl-buttons" }, this.submit, this.pass, this.again), this.verdict);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = this.inputs.findIndex((input) => input.checked);
      if (chosen < 0) this.say(element("p", {}, "Choose one of the answers first, or pass."));
      else this.answer(chosen);
    });
    this.pass.addEventListener("click", () => this.answer(PASS));
    this.again.addEventListener("click", () => {
      this.given = undefined;
      this.inputs.forEach((input) => { input.checked = false; });
      this.show();
      this.inputs[0].focus();
      tally();
    });
    this.fold.after(this.form);
    this.fold.classList.add("dl-asked");  // on paper the appendix has it
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

  show() {
    const { given, choices } = this;
    const done = given === PASS || choices[given] !== undefined;
    const right = choices.find((choice) => choice.right);
    const line = (start, { label, reason }, between) =>
      element("p", {}, start, label.cloneNode(true), between, reason.cloneNode(true));
    this.inputs.forEach((input, i) => {
      input.disabled = done;
      if (done) input.checked = i === given;
    });
    this.submit.hidden = this.pass.hidden = done;
    this.again.hidden = !done;
    this.box.classList.toggle("dl-answered", done);
    if (!done) this.say();
    else if (given === PASS) this.say(line("You passed. It is ", right, ": "));
    else if (choices[given].right) this.say(line("You said ", right, ": right. "));
    else this.say(line("You said ", choices[given], ": no. "), line("It is ", right, ": "));
    this.veil(!done && !read(OPEN));
  }

  veil(on) {
    for (const each of this.followers ?? []) {
      each.classList.toggle("dl-veiled", on);
      each.inert = on;
    }
  }
}

let questions = [];
const note = element("p", { class: "dl-way" });

function counted(given, choices) {
  const answers = Object.entries(given ?? {});
  const right = answers.filter(([name, choice]) => choices.get(name)?.[choice]?.right).length;
  const passed = answers.filter(([name, choice]) => choices.has(name) && choice === PASS).length;
  return { right, passed };
}

// How many are right on this page; and on the map, how far on every page.
function tally() {
  const choices = new Map(questions.map((question) => [question.name, question.choices]));
  if (!questions.length) return;
  const { right, passed } = counted(memory[page]?.given, choices);
  const open = questions.filter(({ box }) => !box.classList.contains("dl-answered")).length;
  if (memory[page]) {
    Object.assign(memory[page], { count: questions.length, right });
    write(KEY, memory);
  }
  const words = [`Your answers on this page: ${right} of ${questions.length} right`];
  if (passed) words.push(`${passed} passed`);
  if (open) words.push(`${open} open`);
  const veils = read(OPEN) ? "Veil what answers the questions" : "Show everything";
  note.replaceChildren(`${words.join(", ")}. `,
    button(veils, () => {
      write(OPEN, read(OPEN) ? null : true);
      refresh();
    }),
    button("Forget my answers here", () => {
      delete memory[page];
      write(KEY, memory);
      refresh();
    }));
}

function button(words, action) {
  const made = element("button", { type: "button", class: "dl-quiet" }, words);
  made.addEventListener("click", action);
  return made;
}

function refresh() {
  questions.forEach((question) => question.show());
  tally();
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

// A link into something veiled opens it, and counts as no answer.
function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1).split("?")[0]));
  const veiled = target && target.closest(".dl-veiled");
  if (veiled) questions.find(({ followers }) => followers?.includes(veiled))?.veil(false);
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

addEventListener("DOMContentLoaded", () => {
  const article = document.querySelector("article.bd-article");
  if (!article) return;
  questions = [...article.querySelectorAll("blockquote details.dl-ask")].map((fold, i) => new Question(fold, i));
  if (questions.length) {
    article.append(note, appendix());
    tally();
    openTarget();
    addEventListener("hashchange", openTarget);
  }
  const map = article.querySelector(".dl-way-here");
  if (map) yourWay(map);
});
})();

/* Search by section: results while one types, from disk as well.
   What is looked through is sections.js, loaded when a search begins. */
"use strict";
(() => {
const MOST = {dialog: 8, page: 40};
const LETTERS = 160;  // of an excerpt
const ROOT = new URL("..", document.currentScript.src);
const SMALL = new Set("a an and are at be by can do does for how i if in is it its me my not of on or so that the their there this to we what when where which who why with you your".split(" "));
const SAME = [  // words that mean the same
  ["cfg", "guidance"], ["cost", "price", "pay"], ["fid", "frechet"], ["sampler", "sampling"],
];
const LONG = /\bclassifier[\s-]free guidance\b/;  // among other words it is guidance
const EVERYWHERE = /^(recall|exercises|in three lines|code for this chapter|what people get wrong here)$/;
// What explains comes before what lists.
const LESSON = /\/\d\d_\w+\.html/;
const GLOSSARY = /\/glossary\.html#term-/;
const MODULE = /\/api(\/\w+)?\.html/;
const PLACES = [[/\/references\.html/, 0.5], [/\/glossary\.html/, 0.4], [/\/(cheatsheet|errata|benchmarks|map|intro)\.html(?!#draw)/, 0.8]];

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

let loading;
function sections() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("_static/sections.js", ROOT);
    script.onload = () => resolve(window.SECTIONS.map(prepared));
    script.onerror = () => reject(Error("the index of the sections could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

function prepared([title, page, address, terms, text], i, all) {
  const [subject, question] = window.SUBJECTS[address.split("#")[0]].map(fold);
  const first = i === 0 || all[i - 1][2].split("#")[0] !== address.split("#")[0];
  return {
    title, page, address, text, subject, question, first,
    heading: fold(title.replace(/^[\d.]+ /, "")), above: fold(page), words: fold(text),
    terms: EVERYWHERE.test(fold(title)) ? "" : fold(terms),  // it repeats, and explains nothing
  };
}

// A word is found by its beginning, so that "train" finds "training"; a short
// one, and a symbol such as x_0, is found whole.
function pattern(word) {
  const stem = word.length > 4 ? word.replace(/(ing|ed|es|s)$/, "") : word;
  const whole = word.length < 4 || /[^\p{L}]/u.test(word);
  return new RegExp(`(?<![\\p{L}\\d_])${escaped(whole ? word : stem)}${whole ? "(?![\\p{L}\\d])" : "\\p{L}*"}`, "gu");
}

// The word itself, and others that mean the same.
function patterns(word) {
  const same = SAME.find((group) => group.some((one) => one === word || `${one}s` === word)) ?? [];
  return [word, ...same.filter((one) => one !== word)].map(pattern);
}

function read(query) {
  let plain = fold(query);
  if (plain.replace(LONG, "").trim()) plain = plain.replace(LONG, "guidance");
  const all = plain.match(/[\p{L}\p{N}_]+/gu) ?? [];
  const large = all.filter((word) => !SMALL.has(word));
  const kept = large.length ? large : all;
  const pairs = all.slice(1).map((word, i) => `${all[i]}[\\s-]+${word}`);
  return {
    words: kept.map(patterns),
    pairs: pairs.map((pair) => new RegExp(pair, "u")),
    phrase: all.length > 1 && new RegExp(all.join("[\\s-]+"), "u"),
    whole: all.join(" "),
    symbol: kept.some((word) => word.includes("_") || /^\p{L}$/u.test(word)),
    code: /\w_\w|[a-z][A-Z]/.test(query),
  };
}

const times = (text, word) => text.match(word)?.length ?? 0;

// The chapter's subject counts for each of its sections.
function scoreOf(word, {heading, terms, above, subject, question, first, words}) {
  const set = times(terms, word);
  const title = times(heading, word) || (first && times(subject, word));
  const about = [title && 30, set && Math.min(30, 5 + 15 * set), times(subject, word) && 20, times(question, word) && 6];
  return Math.max(...about)
    + 6 * Math.min(1, times(above, word))
    + 12 * times(words, word) / (8 + words.length / 250);
}

function score(section, asked) {
  let sum = 0;
  for (const [word, ...same] of asked.words) {
    const here = Math.max(scoreOf(word, section), ...same.map((other) => 0.9 * scoreOf(other, section)));
    if (!here) return 0;
    sum += here;
  }
  for (const pair of asked.pairs) if (pair.test(section.words) || pair.test(section.terms)) sum += 15;
  if (asked.phrase) {
    if (asked.phrase.test(section.heading)) sum += 60;
    if (asked.phrase.test(section.terms)) sum += 40;
    if (asked.phrase.test(section.words)) sum += 20;
  }
  if (section.heading === asked.whole) sum += 60;
  if (asked.symbol && /\/notation\.html/.test(section.address)) sum = 3 * sum + 40;
  if (EVERYWHERE.test(section.heading)) sum *= 0.3;
  if (MODULE.test(section.address) && !asked.code) sum *= 0.3;
  return PLACES.reduce((sum, [place, factor]) => place.test(section.address) ? sum * factor : sum, sum);
}

// Is the very thing that is asked for what a lesson's section sets off?
function explains({section: {address, heading, terms}}, {whole}) {
  const set = [heading.replace(/^(the|an?) |[:,].*/g, ""), ...terms.split(", ")].map((one) => one.replaceAll("-", " "));
  return LESSON.test(address) && set.includes(whole);
}

function find(all, query) {
  const asked = read(query);
  if (!asked.words.length) return [];
  const found = all.map((section) => ({section, asked, score: score(section, asked)}))
    .filter((found) => found.score)
    .sort((a, b) => b.score - a.score);
  const term = found.findIndex(({section: {address, heading}}) =>
    GLOSSARY.test(address) && heading.replaceAll("-", " ") === asked.whole);
  if (term > 0) found.splice(explains(found[0], asked) ? 1 : 0, 0, ...found.splice(term, 1));
  return found;
}

// The query in words that the book has: one that it has not becomes the most
// frequent one that differs from it by one letter.
let known;
function spelled(all, query) {
  if (!known) {
    known = new Map();
    const text = all.map(({heading, terms, subject, question, words}) => [heading, terms, subject, question, words].join(" ")).join(" ");
    for (const [word] of text.matchAll(/\p{L}{4,}/gu)) known.set(word, (known.get(word) ?? 0) + 1);
  }
  const words = [...known.keys()];
  return fold(query).replace(/(?<![\p{L}\d_])\p{L}{4,}(?![\p{L}\d_])/gu, (word) => {
    if (SMALL.has(word) || patterns(word).some((one) => words.some((other) => other.search(one) === 0))) return word;
    const near = words.filter((other) => oneApart(other, word)).sort((a, b) => known.get(b) - known.get(a));
    return near[0] ?? word;
  });
}

// One letter more, less or another, or two that changed places.
function oneApart(a, b) {
  let begin = 0, end = 0;
  while (begin < Math.min(a.length, b.length) && a[begin] === b[begin]) begin += 1;
  while (end < Math.min(a.length, b.length) - begin && a.at(-1 - end) === b.at(-1 - end)) end += 1;
  const [left, right] = [a, b].map((word) => word.slice(begin, word.length - end));
  return Math.max(left.length, right.length) === 1
    || (left.length === 2 && right === left[1] + left[0]);
}

// What was found, and for which words if not for those that were written.
async function answers(query) {
  const all = await sections();
  const words = spelled(all, query);
  const other = words === fold(query) ? "" : words;
  return {found: find(all, other || query), other};
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Where each letter of the folded text stands in the text itself.
function places(text) {
  const at = [];
  let next = 0;
  for (const letter of text) {
    for (const _ of fold(letter)) at.push(next);
    next += letter.length;
  }
  return [...at, next];
}

// The beginning of a section if it has what was asked for, else the sentence
// that has it.
function beginning({section: {heading, words}, asked}) {
  const first = [asked.phrase, ...asked.pairs, ...asked.words.flat()].filter(Boolean)
    .map((one) => words.search(one)).find((at) => at >= 0) ?? 0;
  if (first < LETTERS - 30 || asked.words.every(([word]) => times(heading, word))) return 0;
  const sentence = Math.max(...[". ", "? ", "! ", ": "].map((end) => words.lastIndexOf(end, first) + 2));
  return first - sentence < LETTERS - 50 ? sentence : words.lastIndexOf(" ", first - 50) + 1;
}

// A line of whole words, with what was found marked.
function snippet(one) {
  const {section: {text, words}, asked} = one;
  const begin = beginning(one);
  const end = words.length - begin <= LETTERS ? words.length : words.lastIndexOf(" ", begin + LETTERS);
  const part = words.slice(begin, end);
  const at = places(text);
  const found = asked.words.flat().flatMap((word) => [...part.matchAll(word)])
    .map((match) => [begin + match.index, begin + match.index + match[0].length]).sort((a, b) => a[0] - b[0]);
  const line = element("p", {class: "dl-snippet"}, begin ? "… " : "");
  let last = begin;
  for (const [from, to] of found) {
    if (from < last) continue;
    line.append(text.slice(at[last], at[from]), element("mark", {}, text.slice(at[from], at[to])));
    last = to;
  }
  line.append(text.slice(at[last], at[end]), end < words.length ? " …" : "");
  return line;
}

function listed(found) {
  const list = element("ol", {class: "search dl-found"});
  for (const one of found) {
    const {title, page, address} = one.section;
    const link = element("a", {href: new URL(address, ROOT)}, title);
    const item = element("li", {}, link);
    if (page !== title) item.append(element("span", {class: "dl-page"}, ` ${page}`));
    item.append(snippet(one));
    list.append(item);
  }
  return list;
}

const counted = (count) => count === 1 ? "1 section" : `${count || "no"} sections`;

// In the dialog: a few results while one types; the arrows go through them.
function attend(form) {
  const field = form.querySelector("input");
  const told = element("p", {class: "dl-told", role: "status"});
  const place = element("div", {class: "dl-results"}, told);
  form.after(place);
  field.addEventListener("focus", () => sections().catch(() => {}), {once: true});
  field.addEventListener("input", async () => {
    const query = field.value;
    let found = [], other = "";
    try {
      if (query.trim()) ({found, other} = await answers(query));
    } catch (error) {
      told.textContent = `Nothing can be searched: ${error.message}.`;
      return;
    }
    if (field.value !== query) return;  // more was typed meanwhile
    place.querySelector("ol")?.remove();
    told.textContent = query.trim() ? `${counted(found.length)} found${other && ` with “${other}”`}` : "";
    if (found.length) place.append(listed(found.slice(0, MOST.dialog)));
  });
  form.parentElement.addEventListener("keydown", (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
    const stops = [field, ...place.querySelectorAll("a")];
    const now = stops.indexOf(document.activeElement);
    if (!step || now < 0) return;
    event.preventDefault();
    stops[Math.min(Math.max(now + step, 0), stops.length - 1)].focus();
  });
}

// On the page of the search: all of them.
async function answer(place) {
  const query = new URLSearchParams(location.search).get("q") ?? "";
  document.querySelectorAll("form.bd-search input").forEach((field) => { field.value = query; });
  if (!query.trim()) return;
  const told = element("p", {class: "search-summary", role: "status"}, "Searching …");
  place.append(told);
  try {
    const {found, other} = await answers(query);
    told.textContent = `Search finished: ${other && `nothing with “${query}”, `}${counted(found.length)} with “${other || query}”.`;
    place.append(listed(found.slice(0, MOST.page)));
  } catch (error) {
    told.textContent = `Nothing can be searched: ${error.message}.`;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("dialog form.bd-search").forEach(attend);
  const place = document.getElementById("search-results");
  if (place) answer(place);
});
})();

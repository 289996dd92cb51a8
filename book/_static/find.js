/* Search by section: results while one types, from disk as well.
   What is looked through is sections.js, loaded when a search begins. */
"use strict";
(() => {
const MOST = {dialog: 8, page: 40};
const ROOT = new URL("..", document.currentScript.src);
const SMALL = new Set("a an and are at be by can do does for how i if in is it its my not of on or so that the their there this to we what when where which who why with you your".split(" "));
const EVERYWHERE = /^(recall|exercises|in three lines|code for this chapter|what people get wrong here)$/;
// What explains comes before what lists.
const PLACES = [[/\/(api|references)\.html/, 0.5], [/\/glossary\.html/, 0.4], [/\/(cheatsheet|errata|benchmarks|map|intro)\.html/, 0.8]];

const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

let loading;
function sections() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("_static/sections.js", ROOT);
    script.onload = () => resolve(window.SECTIONS.map(([title, page, address, terms, text]) => ({
      title, page, address, text,
      heading: fold(title.replace(/^[\d.]+ /, "")), above: fold(page), words: fold(text),
      terms: EVERYWHERE.test(fold(title)) ? "" : fold(terms),  // it repeats, and explains nothing
    })));
    script.onerror = () => reject(Error("the index of the sections could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

// A word is found by its beginning, so that "train" finds "training"; a short
// one, and a symbol such as x_0, is found whole.
function pattern(word) {
  const stem = word.length > 4 ? word.replace(/(ing|ed|es|s)$/, "") : word;
  const whole = word.length < 4 || /[^\p{L}]/u.test(word);
  return new RegExp(`(?<![\\p{L}\\d_])${escaped(whole ? word : stem)}${whole ? "(?![\\p{L}\\d])" : "\\p{L}*"}`, "gu");
}

function read(query) {
  const all = fold(query).match(/[\p{L}\p{N}_]+/gu) ?? [];
  const large = all.filter((word) => !SMALL.has(word));
  const kept = large.length ? large : all;
  const pairs = all.slice(1).map((word, i) => `${all[i]}[\\s-]+${word}`);
  return {
    words: kept.map(pattern),
    pairs: pairs.map((pair) => new RegExp(pair, "u")),
    phrase: all.length > 1 && new RegExp(all.join("[\\s-]+"), "u"),
    whole: all.join(" "),
    symbol: kept.some((word) => word.includes("_") || word.length === 1),
  };
}

const times = (text, word) => text.match(word)?.length ?? 0;

function score(section, asked) {
  let sum = 0;
  for (const word of asked.words) {
    const here = 30 * Math.min(1, times(section.heading, word))
      + 20 * Math.min(2, times(section.terms, word))
      + 6 * Math.min(1, times(section.above, word))
      + 12 * times(section.words, word) / (8 + section.words.length / 250);
    if (!here) return 0;
    sum += here;
  }
  for (const pair of asked.pairs) if (pair.test(section.words)) sum += 15;
  if (asked.phrase) {
    if (asked.phrase.test(section.heading)) sum += 60;
    if (asked.phrase.test(section.terms)) sum += 40;
    if (asked.phrase.test(section.words)) sum += 20;
  }
  if (section.heading === asked.whole) sum += 60;
  if (asked.symbol && /\/notation\.html/.test(section.address)) sum = 3 * sum + 40;
  if (EVERYWHERE.test(section.heading)) sum *= 0.3;
  return PLACES.reduce((sum, [place, factor]) => place.test(section.address) ? sum * factor : sum, sum);
}

function find(all, query) {
  const asked = read(query);
  if (!asked.words.length) return [];
  return all.map((section) => ({section, asked, score: score(section, asked)}))
    .filter((found) => found.score)
    .sort((a, b) => b.score - a.score);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A few words around the first place, with what was found marked.
function snippet({section: {text, words}, asked}) {
  if (words.length !== text.length) text = text.normalize("NFKD").replace(/\p{M}/gu, "");
  const first = [asked.phrase, ...asked.pairs, ...asked.words].filter(Boolean)
    .map((one) => words.search(one)).find((at) => at >= 0) ?? 0;
  const begin = first < 60 ? 0 : text.lastIndexOf(" ", first - 50) + 1;
  const part = text.slice(begin, begin + 160);
  const found = asked.words.flatMap((word) => [...fold(part).matchAll(word)])
    .map((match) => [match.index, match.index + match[0].length]).sort((a, b) => a[0] - b[0]);
  const line = element("p", {class: "dl-snippet"}, begin ? "… " : "");
  let at = 0;
  for (const [from, to] of found) {
    if (from < at) continue;
    line.append(part.slice(at, from), element("mark", {}, part.slice(from, to)));
    at = to;
  }
  line.append(part.slice(at), begin + 160 < text.length ? " …" : "");
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
    let found = [];
    try {
      if (query.trim()) found = find(await sections(), query);
    } catch (error) {
      told.textContent = `Nothing can be searched: ${error.message}.`;
      return;
    }
    if (field.value !== query) return;  // more was typed meanwhile
    place.querySelector("ol")?.remove();
    told.textContent = query.trim() ? `${counted(found.length)} found` : "";
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
    const found = find(await sections(), query);
    told.textContent = `Search finished: ${counted(found.length)} with “${query}”.`;
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

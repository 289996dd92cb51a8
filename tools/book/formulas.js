/* Set formulas as MathJax would in a page, before there is a page.
   usage: node formulas.js FOLDER < [[tex, display], ...]
   FOLDER is MathJax's own. The answer is {set: [{html, width, error}], css}:
   the width in the formula's em, what a reader would see in red as an error. */
"use strict";

const folder = process.argv[2];
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));

require(`${folder}/node-main.js`).init({
  loader: {load: ["input/tex-full", "output/chtml", "a11y/assistive-mml"]},
  tex: {packages: {"[-]": ["noundefined"]}},  // unknown commands are errors
  chtml: {fontURL: ".", matchFontHeight: false},  // the style sheet matches it
}).then((MathJax) => {
  const adaptor = MathJax.startup.adaptor;
  const page = MathJax.startup.document;

  const set = asked.map(([tex, display]) => {
    const formula = new page.options.MathItem(tex, page.inputJax[0], display);
    formula.setMetrics(16, 8, 1e6, 1e6, 1);
    formula.convert(page);
    const html = adaptor.outerHTML(formula.typesetRoot);
    const error = /data-mjx-error="([^"]*)"/.exec(html)?.[1]
      ?? /<mjx-utext[^>]*>([^<]*)/.exec(html)?.[1] + " is in no font of MathJax";
    const wrong = /data-mjx-error|<mjx-utext/.test(html);
    const width = wrong ? null : page.outputJax.getBBox(formula, page).w;
    return {html, width, error: wrong ? error : null};
  });

  const css = adaptor.textContent(page.outputJax.styleSheet(page));
  process.stdout.write(JSON.stringify({set, css}));
}).catch((error) => {
  process.stderr.write(`${error?.stack ?? error}\n`);
  process.exitCode = 1;
});

/* Set formulas as MathJax would in a page, before there is a page.
   usage: node formulas.js FOLDER < [[tex, display], ...]
   FOLDER is MathJax's own. The answer is {set: [{html, width, error}], css}:
   the width in the formula's em; of one that cannot be set only the error. */
"use strict";

const folder = process.argv[2];
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));

const complain = (_, error) => { throw error; };

require(`${folder}/node-main.js`).init({
  loader: {load: ["input/tex-full", "output/chtml", "a11y/assistive-mml"]},
  tex: {packages: {"[-]": ["noerrors", "noundefined"]}, formatError: complain},
  chtml: {fontURL: ".", matchFontHeight: false},  // the style sheet matches it
}).then((MathJax) => {
  const adaptor = MathJax.startup.adaptor;
  const page = MathJax.startup.document;

  // What stands in no font of MathJax's would have to be measured in a page.
  page.outputJax.measureTextNode = (node) => {
    throw Error(`MathJax's fonts have no ${adaptor.textContent(node)}`);
  };

  function typeset(tex, display) {
    const formula = new page.options.MathItem(tex, page.inputJax[0], display);
    formula.setMetrics(16, 8, 1e6, 1e6, 1);
    formula.convert(page);
    const html = adaptor.outerHTML(formula.typesetRoot);
    return {html, width: page.outputJax.getBBox(formula, page).w, error: null};
  }

  const set = asked.map(([tex, display]) => {
    try {
      return typeset(tex, display);
    } catch (error) {
      return {html: "", width: null, error: error.message};
    }
  });
  const css = adaptor.textContent(page.outputJax.styleSheet(page));
  process.stdout.write(JSON.stringify({set, css}));
}).catch((error) => {
  process.stderr.write(`${error?.stack ?? error}\n`);
  process.exitCode = 1;
});

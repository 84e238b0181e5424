// MathJax as a server: one line of JSON in, one line out, until standard input closes.
//
// In:  {"equations": [{"tex": "...", "display": true}, ...]}, the mathematics of one page.
// Out: {"html": ["<mjx-container ...", ...], "css": "...", "numbers": {label: number}},
//      or {"errors": [{"index": 3, "message": "Missing close brace"}, ...]}.

const readline = require('node:readline');
const [es5] = process.argv.slice(2);

const settings = {
  loader: {
    versionWarnings: false,  // one component of the release carries no version
    load: ['input/tex', 'output/chtml', 'adaptors/liteDOM', 'a11y/assistive-mml'],
  },
  tex: {
    tags: 'ams',
    packages: {'[-]': ['noerrors', 'noundefined']},  // an error is raised, not typeset in red
    formatError: (jax, error) => { throw error; },
  },
  chtml: {matchFontHeight: false, fontURL: ''},
  startup: {typeset: false},
};

// Numbers of equations further down are known only after a first pass over the page.
const REFERENCE = /\\(?:eq)?ref\s*\{([^}]*)\}/g;

async function typeset(MathJax, equations) {
  const adaptor = MathJax.startup.adaptor;
  const errors = [];
  const reset = () => {
    MathJax.texReset();
    MathJax.startup.output.clearCache();  // or the style of this page holds the glyphs of all before it
  };
  const convert = async (replace) => {
    reset();
    const html = [];
    for (const [index, {tex, display}] of equations.entries()) {
      try {
        const node = await MathJax.tex2chtmlPromise(replace(tex, index), {display});
        html.push(adaptor.outerHTML(node).replaceAll(/\s?height: NaNem;/g, '').replaceAll(' style=""', ''));
      } catch (error) {
        errors.push({index, message: error.message});
      }
    }
    return html;
  };
  const numbers = () => Object.fromEntries(
    Object.entries(MathJax.startup.input[0].parseOptions.tags.allLabels)
      .map(([label, {tag}]) => [label, tag]));

  let html = await convert((tex) => tex);
  if (!errors.length && equations.some(({tex}) => tex.search(REFERENCE) >= 0)) {
    const known = numbers();
    html = await convert((tex, index) => tex.replaceAll(REFERENCE, (reference, label) => {
      if (!(label in known)) {
        errors.push({index, message: `unknown reference ${label}`});
        return reference;
      }
      return `\\href{#mjx-eqn:${label}}{\\text{(${known[label]})}}`;
    }));
  }
  if (errors.length) return {errors};
  return {html, css: adaptor.textContent(MathJax.chtmlStylesheet()), numbers: numbers()};
}

require(`${es5}/node-main.js`).init(settings).then(async (MathJax) => {
  for await (const line of readline.createInterface({input: process.stdin})) {
    process.stdout.write(JSON.stringify(await typeset(MathJax, JSON.parse(line).equations)) + '\n');
  }
});

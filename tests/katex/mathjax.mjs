// Reads a JSON list of LaTeX strings on stdin and prints a JSON list of {ok, error}, as MathJax sees them.

import { readFileSync } from "node:fs";
import MathJax from "mathjax";

const mathjax = await MathJax.init({
  loader: { load: ["input/tex-base", "[tex]/ams"] },
  startup: { typeset: false },
  tex: {
    packages: ["base", "ams"],
    formatError: (_jax, error) => {
      throw error;
    },
  },
});

function render(latex) {
  try {
    mathjax.tex2mml(latex, { display: true });
    return { ok: true, error: null };
  } catch (error) {
    return { ok: false, error: error.message };
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(render)));

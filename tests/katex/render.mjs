// Reads a JSON list of LaTeX strings on stdin and prints a JSON list of {ok, error}, as KaTeX sees them.

import { readFileSync } from "node:fs";
import katex from "katex";

function render(latex) {
  try {
    katex.renderToString(latex, { displayMode: true, strict: "error", throwOnError: true });
    return { ok: true, error: null };
  } catch (error) {
    return { ok: false, error: error.message };
  }
}

process.stdout.write(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(render)));

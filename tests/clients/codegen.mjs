// What graphql-codegen does with a configuration of its own form: asks the service for its schema, writes the files
// that are to be generated, and has the TypeScript compiler check a program that uses them, as strictly as it can.
import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { codegen } from "@graphql-codegen/core";
import { buildClientSchema, getIntrospectionQuery, parse, printSchema } from "graphql";
import ts from "typescript";

const { URL: url, TOKEN: token, FOLDER: folder, PROGRAMS: programs } = process.env;
const load = createRequire(import.meta.url);
const { documents, generates } = JSON.parse(await readFile(join(folder, "codegen.json"), "utf8"));

const asked = await fetch(url, {
  method: "POST",
  headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
  body: JSON.stringify({ query: getIntrospectionQuery({ specifiedByUrl: true, inputValueDeprecation: true }) }),
});
const { data, errors } = await asked.json();
if (errors) throw new Error(errors[0].message);
const schema = parse(printSchema(buildClientSchema(data)));

for (const [filename, { plugins, config }] of Object.entries(generates)) {
  const document = parse(await readFile(join(folder, documents), "utf8"));
  const written = await codegen({
    filename,
    schema,
    documents: [{ location: documents, document }],
    config,
    plugins: plugins.map((name) => ({ [name]: {} })),
    pluginMap: Object.fromEntries(plugins.map((name) => [name, load(`@graphql-codegen/${name}`)])),
  });
  await writeFile(join(folder, filename), written);
}

const files = programs.split(",").map((file) => join(folder, file));
const program = ts.createProgram(files, {
  strict: true,
  noEmit: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2022.d.ts"],
  types: [],
  skipLibCheck: true,
});
const complaints = {};
for (const { file, messageText } of ts.getPreEmitDiagnostics(program)) {
  (complaints[file?.fileName.split("/").at(-1) ?? ""] ??= []).push(ts.flattenDiagnosticMessageText(messageText, " "));
}
console.log(JSON.stringify(complaints));

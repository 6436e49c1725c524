/**
 * Writes the templates that tools outside Node look at, made with stub functions:
 * `tsx test/templates.ts FOLDER`.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { EVERYTHING, MINIMAL, synthesise } from "./support.ts";

const TEMPLATES: Readonly<Record<string, unknown>> = {
  "parameter-store": MINIMAL,
  "secrets-manager": { ...MINIMAL, vault: "secrets-manager" },
  // With the prefix that the sample events are about, and others around it.
  both: { ...MINIMAL, prefixes: ["/another", "/my-erp", "/shop/eu"], audit: { vault: "both" } },
  everything: EVERYTHING,
};

const folder = process.argv[2];
if (folder === undefined) {
  console.error("Usage: tsx test/templates.ts FOLDER");
  process.exit(2);
}
mkdirSync(folder, { recursive: true });
for (const [name, settings] of Object.entries(TEMPLATES)) {
  writeFileSync(join(folder, `${name}.template.json`), JSON.stringify(synthesise(settings).toJSON(), undefined, 2));
}
